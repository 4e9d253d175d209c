"""Bulk prediction: reads ahead, asks the model about several batches at once, writes in order, in parts that survive."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from stellwerk.ahead import read_ahead
from stellwerk.errors import DataError, StepFailed, UsageError, sentence
from stellwerk.serving.bulk.fitting import Fitted
from stellwerk.serving.bulk.inputs import BLOCK_BYTES, BadRow, Position, Reader
from stellwerk.serving.bulk.job import Job
from stellwerk.serving.bulk.models import open_model
from stellwerk.serving.bulk.options import Options
from stellwerk.serving.bulk.outputs import Parts
from stellwerk.serving.bulk.showing import Showing
from stellwerk.tables.finding import files_of

PART_ROWS = 1_000_000
PART_SECONDS = 5.0
"""A part ends with the block in which it reaches either: no more than about this is done twice."""

SERVER_BLOCK_BYTES = 500_000
"""For a server blocks are smaller: it answers more slowly, and parts end with blocks."""

ASKED_BYTES = 8 << 20
"""Bytes of texts and files that the model is asked about at once, where they are of even length."""

AHEAD = 2


@dataclass(frozen=True)
class Summary:
    """What a bulk prediction did."""

    output: str
    rows: int
    """Rows in the output."""
    bad_rows: int
    """Rows that were set aside."""
    resumed_rows: int
    """Rows that were there from an earlier attempt."""
    seconds: float
    rows_per_second: float
    quarantine: str | None
    said: tuple[str, ...] = ()
    """Of series without a forecast: how many there are, and why."""

    def __str__(self) -> str:
        words = f"{self.rows:,} rows in {self.seconds:.1f} s ({self.rows_per_second:,.0f} rows/s)"
        words += f", {self.resumed_rows:,} of them from an earlier attempt" if self.resumed_rows else ""
        words += f"; {self.bad_rows:,} bad rows in {self.quarantine}" if self.quarantine else ""
        return "\n".join([words, *self.said])


@dataclass(frozen=True)
class _Piece:
    """Rows under way: rendered when `answer` is there. The last piece of a block knows where the next block begins."""

    answer: Future[Any] | None
    rows: int
    bad: list[BadRow]
    after: Position | None


def predict(
    model: str | Path,
    input: str | Path,  # noqa: A002 - as the command line calls it
    output: str | Path,
    options: Options = Options(),  # noqa: B008 - it is frozen
    *,
    progress: TextIO | None = None,
) -> Summary:
    """Predicts every row of the file `input`, of a folder of files, or of those that match a pattern, and writes `output`, in the formats that their endings say.

    `model` is a version folder, a model's folder (its newest version), or the address of a served model; `output` "-" is
    stdout. Memory does not grow with the rows, and their order stays. The output appears whole or not at all; a killed call
    goes on behind its last finished part when it is repeated. `progress` is told how far it is.

    Raises UsageError, DataError and ModelError with a sentence that says what to do.
    """
    source, target = Path(input), None if str(output) == "-" else Path(output)
    _check_usage(source, target, options)
    showing = Showing(progress)
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.callback(showing.end)
        asked = stack.enter_context(contextlib.closing(open_model(str(model), options, showing.say)))
        job = stack.enter_context(contextlib.closing(Job(asked, source, target, options)))
        try:
            done = _to_stdout(job, showing) if target is None else _to_file(job, target, showing)
        except OSError as error:
            raise StepFailed(sentence(error)) from None
        said = job.series.left.sentences() if job.series is not None else []
    seconds = time.monotonic() - begin
    rate = (done.rows - done.resumed) / max(seconds, 1e-9)
    numbers = (done.rows, done.bad, done.resumed, round(seconds, 3), round(rate, 1))
    return Summary(str(output), *numbers, done.quarantine, tuple(said))


@dataclass(frozen=True)
class _Done:
    rows: int
    bad: int = 0
    resumed: int = 0
    quarantine: str | None = None


def _check_usage(source: Path, target: Path | None, options: Options) -> None:
    if target is None:
        if options.format == "parquet":
            raise UsageError("Parquet cannot be written to stdout. Write it to a file.")
        if options.on_bad_rows == "quarantine":
            raise UsageError("--on-bad-rows quarantine needs a file to put another beside, and stdout is none.")
        return
    if target.is_dir():
        raise UsageError(f"{target}: is a folder. Name a file.")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: there is no such folder for the output. Make it first.")
    if source.is_dir() and target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{target}: the output lies in the folder that is read. Name another output.")
    if target.exists() and any(target.samefile(file) for file in files_of(source)):
        raise UsageError(f"{target}: the output would overwrite the input. Name another output.")


def _to_file(job: Job, output: Path, showing: Showing) -> _Done:
    with Parts(output) as parts:
        may_have_bad = job.options.on_bad_rows == "quarantine"
        start = parts.resume(job.fingerprint(), may_have_bad, showing.say)
        resumed = sum(part.rows for part in parts.finished)
        if parts.finished:
            showing.say(f"{output}: going on behind {resumed:,} rows that are finished")
        with contextlib.closing(_answered(job, start)) as answered:
            _write_parts(job, parts, answered, showing)
        rows, bad = (sum(getattr(part, what) for part in parts.finished) for what in ("rows", "bad"))
        parts.publish(job.form)
        return _Done(rows, bad, resumed, str(parts.quarantine) if bad else None)


def _write_parts(job: Job, parts: Parts, answered: Iterator[tuple[_Piece, Any]], showing: Showing) -> None:
    """Writes pieces to parts; a part ends with a block."""
    total = sum(part.rows for part in parts.finished)
    rows = bad = 0
    since, after = time.monotonic(), Position()
    for piece, content in answered:
        if piece.bad:
            _check_bad(job, piece.bad)
            parts.set_aside(job.form, job.path, piece.bad)
        if content is not None:
            parts.write(job.form, content)
        rows, bad, total = rows + piece.rows, bad + len(piece.bad), total + piece.rows
        if piece.after is None:
            continue
        after = piece.after
        showing.progress(total, _share(job.reader, after))
        if rows >= PART_ROWS or time.monotonic() - since >= PART_SECONDS:
            parts.finish(job.form, rows, bad, after)
            rows, bad, since = 0, 0, time.monotonic()
    if rows or bad:
        parts.finish(job.form, rows, bad, after)


def _to_stdout(job: Job, showing: Showing) -> _Done:
    stream, rows = sys.stdout.buffer, 0
    try:
        stream.write(getattr(job.form, "header", b""))
        with contextlib.closing(_answered(job, Position())) as answered:
            for piece, content in answered:
                _check_bad(job, piece.bad)
                if content is not None:
                    stream.write(content)
                rows += piece.rows
                if piece.after is not None:
                    showing.progress(rows, _share(job.reader, piece.after))
        stream.flush()
    except BrokenPipeError:  # who reads has seen enough; what is still buffered must go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _Done(rows)


def _answered(job: Job, start: Position) -> Generator[tuple[_Piece, Any], None, None]:
    """Yields pieces in order with their rendered rows; as many are under way as the model takes at once, and one more."""
    size = job.options.batch_size or job.asked.batch_size
    block_bytes = BLOCK_BYTES if job.asked.batch_size > 1024 else SERVER_BLOCK_BYTES
    under_way: deque[_Piece] = deque()
    pool = ThreadPoolExecutor(job.asked.clients, thread_name_prefix="ask")
    try:
        with read_ahead(job.blocks(start, block_bytes), AHEAD) as blocks:
            for fitted, after in blocks:
                for piece in _pieces(job, pool, fitted, after, size):
                    under_way.append(piece)
                    while len(under_way) > job.asked.clients + 1:
                        yield _done(under_way.popleft())
            while under_way:
                yield _done(under_way.popleft())
    finally:
        if under_way:
            job.asked.interrupt()
        pool.shutdown(cancel_futures=True)


def _pieces(job: Job, pool: ThreadPoolExecutor, fitted: Fitted, after: Position, size: int) -> Iterator[_Piece]:
    total, size = fitted.kept.num_rows, _size(fitted, size)
    if not total:
        yield _Piece(None, 0, fitted.bad, after)
    for start in range(0, total, size):
        count = min(size, total - start)
        last = start + count == total
        yield _Piece(
            pool.submit(job.rows, fitted, start, count), count, [] if start else fitted.bad, after if last else None
        )


def _size(fitted: Fitted, size: int) -> int:
    """Returns how many rows are asked about at once: fewer where they hold files."""
    texts = [name for name, values in fitted.inputs.items() if values.dtype.kind == "O"]
    held = sum(fitted.kept.column(name).nbytes for name in texts)
    return max(1, min(size, ASKED_BYTES * fitted.kept.num_rows // held)) if held else size


def _done(piece: _Piece) -> tuple[_Piece, Any]:
    if piece.answer is None:
        return piece, None
    content, bad = piece.answer.result()
    if not bad:
        return piece, content
    together = sorted([*piece.bad, *bad], key=lambda one: one.line)
    return replace(piece, rows=piece.rows - len(bad), bad=together), content


def _check_bad(job: Job, bad: list[BadRow]) -> None:
    if bad and job.options.on_bad_rows == "fail":
        shown = "; ".join(f"{job.path}:{row.line}: {row.reason}: {str(row.row)[:160]}" for row in bad[:3])
        more = f" and {len(bad) - 3:,} more near them" if len(bad) > 3 else ""
        raise DataError(
            f"{shown}{more}. Correct the input, or set such rows aside with --on-bad-rows quarantine; "
            "finished parts are kept."
        )


def _share(reader: Reader, at: Position) -> float | None:
    return min(1.0, (at.offset or at.row) / reader.size) if reader.size else None
