"""Bulk prediction: reads ahead, asks the model about several batches at once, writes in order, in parts that survive."""

from __future__ import annotations

import hashlib
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from stellwerk.errors import DataError, StepFailed, UsageError, did_you_mean, sentence
from stellwerk.serving.bulk.ahead import read_ahead
from stellwerk.serving.bulk.answers import Answers, Columns
from stellwerk.serving.bulk.fitting import Fitted, Fitter, check_columns
from stellwerk.serving.bulk.inputs import BLOCK_BYTES, BadRow, Block, Position, Reader, format_of, open_input
from stellwerk.serving.bulk.models import Asked, open_model
from stellwerk.serving.bulk.options import Options
from stellwerk.serving.bulk.outputs import Form, ParquetForm, Parts, TextForm
from stellwerk.serving.bulk.showing import Showing
from stellwerk.serving.tensors import Array, Tensor

PART_ROWS = 1_000_000
PART_SECONDS = 5.0
"""A part ends with the block in which it reaches either: no more than about this is done twice."""

SERVER_BLOCK_BYTES = 500_000
"""For a server blocks are smaller: it answers more slowly, and parts end with blocks."""

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

    def __str__(self) -> str:
        words = f"{self.rows:,} rows in {self.seconds:.1f} s ({self.rows_per_second:,.0f} rows/s)"
        words += f", {self.resumed_rows:,} of them from an earlier attempt" if self.resumed_rows else ""
        return words + (f"; {self.bad_rows:,} bad rows in {self.quarantine}" if self.quarantine else "")


@dataclass(frozen=True)
class _Piece:
    """Rows under way: rendered when `answer` is there. The last piece of a block knows where the next block begins."""

    answer: Future[Any] | None
    rows: int
    bad: list[BadRow]
    after: Position | None


class _Job:
    """One open model, one open input, and how rows of the output are made."""

    def __init__(self, asked: Asked, path: Path, output: Path | None, options: Options) -> None:
        self.asked, self.path, self.options = asked, path, options
        floats = {name for name, tensor in asked.inputs.items() if tensor.dtype.kind == "f"}
        self.reader: Reader = open_input(path, options.delimiter, floats)
        names = self.reader.schema.names
        if names or self.reader.size:
            check_columns(names, asked.inputs, str(path))
        self.kind = options.format or (format_of(output) if output else "csv" if self.reader.text else "jsonl")
        self.answers = Answers(asked.outputs, options)
        kept = names if options.keep is None else list(options.keep)
        for name in kept:
            if name not in names:
                raise UsageError(f"--keep: {path} has no column '{name}'.{did_you_mean(name, names)}")
        self.kept = kept
        self.with_heads = options.keep is None and self.kind == "jsonl" and format_of(path) == "jsonl"
        read = list(asked.inputs) if self.with_heads else [*kept, *asked.inputs]
        self.wanted = None if set(read) >= set(names) else list(dict.fromkeys(read))
        nulls = options.null_values if self.reader.text else ()
        self.fitter = Fitter(asked.inputs, nulls, as_read=not self.reader.text or self.kind == "csv")
        added = self._added()
        taken = [name for name in added if name in kept]
        if taken:
            raise UsageError(
                f"{path} has a column '{taken[0]}' already. Leave it out with --keep, or give the columns of the model "
                "other names with --prefix."
            )
        self.form = self._form(output, added)

    def _added(self) -> Columns:
        """Asks about one row without any values: what the model adds, with no rows."""
        row = {name: _missing(tensor) for name, tensor in self.asked.inputs.items()}
        return {name: column.slice(0, 0) for name, column in self.answers(self.asked.ask(row)).items()}

    def _form(self, output: Path | None, added: Columns) -> Form:
        names = [*self.kept, *added]
        packing = output.suffix.lower() if output else ""
        if self.kind != "parquet":
            tabs = output is not None and ".tsv" in output.name.lower()
            return TextForm(self.kind, names, packing, "\t" if tabs else ",")
        schema = pa.schema([field for field in self.reader.schema if field.name in self.kept])
        if self.reader.schema.names:
            empty = pa.RecordBatch.from_arrays(
                [pa.array([], field.type) for field in self.reader.schema], schema=self.reader.schema
            )
            block = Block(empty, Position(), lambda: np.zeros(0, np.int64))
            schema = self.fitter(block).kept.schema
        fields = [schema.field(name) for name in self.kept]
        return ParquetForm(pa.schema([*fields, *((name, column.type) for name, column in added.items())]))

    def blocks(self, start: Position) -> Iterator[tuple[Fitted, Position]]:
        """Yields the rows of the input from `start` on, fitted, and where the input goes on."""
        size = BLOCK_BYTES if self.asked.batch_size > 1024 else SERVER_BLOCK_BYTES
        for block in self.reader.blocks(start, self.wanted, size):
            yield self.fitter(block), block.after

    def rows(self, fitted: Fitted, start: int, size: int) -> Any:
        """Asks about some rows of a block and renders them."""
        inputs: dict[str, Array] = {name: values[start : start + size] for name, values in fitted.inputs.items()}
        added = self.answers(self.asked.ask(inputs))
        columns: dict[str, pa.Array] = {}
        if not self.with_heads:
            kept = fitted.kept.slice(start, size)
            columns = {name: kept.column(name) for name in self.kept}
        heads = fitted.heads.slice(start, size) if self.with_heads and fitted.heads is not None else None
        return self.form.render(columns | added, heads)

    def fingerprint(self) -> dict[str, Any]:
        """Returns what must be the same for parts to belong together."""
        options = asdict(replace(self.options, version=None, on_bad_rows="fail", batch_size=None))
        del options["connection"]
        return {
            "input": _file_mark(self.path),
            "model": self.asked.identity,
            "options": _plain(options | {"format": self.kind}),
        }


def predict(
    model: str | Path,
    input: str | Path,  # noqa: A002 - as the command line calls it
    output: str | Path,
    options: Options = Options(),  # noqa: B008 - it is frozen
    *,
    progress: TextIO | None = None,
) -> Summary:
    """Predicts every row of the file `input` and writes `output`, in the formats that their endings say.

    `model` is a version folder, a model's folder (its newest version), or the address of a served model; `output` "-" is
    stdout. Memory does not grow with the rows, and their order stays. The output appears whole or not at all; a killed call
    goes on behind its last finished part when it is repeated. `progress` is told how far it is.

    Raises UsageError, DataError and ModelError with a sentence that says what to do.
    """
    source, target = Path(input), None if str(output) == "-" else Path(output)
    if target is not None and target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target}: the output would overwrite the input. Name another output.")
    if target is not None and target.is_dir():
        raise UsageError(f"{target}: is a folder. Name a file.")
    if target is None and options.format == "parquet":
        raise UsageError("Parquet cannot be written to stdout. Write it to a file.")
    showing = Showing(progress)
    begin = time.monotonic()
    asked = open_model(str(model), options, showing.say)
    try:
        job = _Job(asked, source, target, options)
        if target is None:
            rows, bad, resumed = _to_stdout(job, showing), 0, 0
            quarantine = None
        else:
            rows, bad, resumed, quarantine = _to_file(job, target, showing)
    except OSError as error:
        raise StepFailed(sentence(error)) from None
    finally:
        showing.end()
        asked.close()
    seconds = time.monotonic() - begin
    rate = (rows - resumed) / max(seconds, 1e-9)
    return Summary(str(output), rows, bad, resumed, round(seconds, 3), round(rate, 1), quarantine)


def _to_file(job: _Job, output: Path, showing: Showing) -> tuple[int, int, int, str | None]:
    with Parts(output) as parts:
        quarantining = job.options.on_bad_rows == "quarantine"
        start = parts.resume(job.fingerprint(), quarantining, showing.say)
        resumed = sum(part.rows for part in parts.finished)
        if resumed:
            showing.say(f"{output}: going on behind {resumed:,} rows that are finished")
        rows = bad = 0
        since, done = time.monotonic(), resumed
        for piece, content in _answered(job, start):
            if piece.bad:
                _check_bad(job, piece.bad)
                parts.set_aside(job.form, job.path, piece.bad)
            if content is not None:
                parts.write(job.form, content)
            rows, bad, done = rows + piece.rows, bad + len(piece.bad), done + piece.rows
            if piece.after is not None:
                showing.progress(done, _share(job.reader, piece.after))
                if rows >= PART_ROWS or time.monotonic() - since >= PART_SECONDS:
                    parts.finish(job.form, rows, bad, piece.after)
                    rows, bad, since = 0, 0, time.monotonic()
                last = piece.after
        if rows or bad:
            parts.finish(job.form, rows, bad, last)
        total_bad = sum(part.bad for part in parts.finished)
        parts.publish(job.form)
        return done, total_bad, resumed, str(parts.quarantine) if total_bad else None


def _to_stdout(job: _Job, showing: Showing) -> int:
    if job.options.on_bad_rows == "quarantine":
        raise UsageError(
            "--on-bad-rows quarantine puts a file beside the output, and stdout has no place. Name a file."
        )
    stream = sys.stdout.buffer
    stream.write(getattr(job.form, "header", b""))
    rows = 0
    for piece, content in _answered(job, Position()):
        _check_bad(job, piece.bad)
        if content is not None:
            stream.write(content)
        rows += piece.rows
        if piece.after is not None:
            showing.progress(rows, _share(job.reader, piece.after))
    stream.flush()
    return rows


def _answered(job: _Job, start: Position) -> Iterator[tuple[_Piece, Any]]:
    """Yields pieces in order with their rendered rows; as many are under way as the model takes at once, and one more."""
    size = job.options.batch_size or job.asked.batch_size
    under_way: deque[_Piece] = deque()
    pool = ThreadPoolExecutor(job.asked.clients, thread_name_prefix="ask")
    try:
        with read_ahead(job.blocks(start), AHEAD) as blocks:
            for fitted, after in blocks:
                for piece in _pieces(job, pool, fitted, after, size):
                    under_way.append(piece)
                    while len(under_way) > job.asked.clients + 1:
                        yield _done(under_way.popleft())
            while under_way:
                yield _done(under_way.popleft())
    finally:
        if under_way:
            job.asked.close()
        pool.shutdown(cancel_futures=True)


def _pieces(job: _Job, pool: ThreadPoolExecutor, fitted: Fitted, after: Position, size: int) -> Iterator[_Piece]:
    total = fitted.kept.num_rows
    if not total:
        yield _Piece(None, 0, fitted.bad, after)
    for start in range(0, total, size):
        count = min(size, total - start)
        last = start + count == total
        yield _Piece(
            pool.submit(job.rows, fitted, start, count), count, [] if start else fitted.bad, after if last else None
        )


def _done(piece: _Piece) -> tuple[_Piece, Any]:
    return piece, None if piece.answer is None else piece.answer.result()


def _check_bad(job: _Job, bad: list[BadRow]) -> None:
    if bad and job.options.on_bad_rows == "fail":
        shown = "; ".join(f"{job.path}:{row.line}: {row.reason}: {str(row.row)[:160]}" for row in bad[:3])
        more = f" and {len(bad) - 3:,} more near them" if len(bad) > 3 else ""
        raise DataError(
            f"{shown}{more}. Correct the input, or set such rows aside with --on-bad-rows quarantine; "
            "finished parts are kept."
        )


def _missing(tensor: Tensor) -> Array:
    values = np.empty(1 if tensor.shape is None or len(tensor.shape) == 1 else (1, 1), tensor.dtype)
    values.fill(tensor.missing)
    return values


def _share(reader: Reader, at: Position) -> float | None:
    return min(1.0, (at.offset or at.row) / reader.size) if reader.size else None


def _file_mark(path: Path) -> str:
    """Returns what changes when a file does: its place, size and time, and its first and last bytes."""
    status = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(1 << 20))
        file.seek(max(0, status.st_size - (1 << 20)))
        digest.update(file.read())
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {digest.hexdigest()}"


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options as they are read back from JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
