"""Streams the rows of a query into the shards of the three splits, and the rows that do not fit into the quarantine."""

from __future__ import annotations

import itertools
import shutil
from collections import deque
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.artifacts.examples import BATCH_ROWS
from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.arrays import chosen, nulls
from stellwerk.components.ingestion.columns import Column, Flaws, Normaliser, field_of, select
from stellwerk.components.ingestion.media.contents import Contents
from stellwerk.components.ingestion.quarantine import Quarantine, set_aside
from stellwerk.components.ingestion.shards import ShardWriter
from stellwerk.components.ingestion.splitting import UNDEALT, Deal
from stellwerk.components.ingestion.windows import Windower
from stellwerk.progress import Progress
from stellwerk.section import SPLITS
from stellwerk.tables.lists import is_list, matrix

AHEAD = 1
"""Batches that the writer may have before it is waited for: a second one waiting costs memory and saves no time."""


@dataclass(frozen=True)
class Job:
    """How the rows of one query are written."""

    root: Path
    columns: list[Column]
    target: str
    named: Container[str]
    """Columns that the spec names."""
    deal: Deal
    undealt: str
    """Reason of rows that no split takes."""
    source: str
    """What the quarantine calls the origin of rows that do not fit."""
    file: str | None
    quarantine: Quarantine
    contents: Contents
    progress: Progress
    total: int | None
    windows: Framing | None = None
    """Where rows become windows."""


@dataclass(frozen=True)
class Framing:
    """How windows are made of the rows that fit, and dealt by time: `cut` are the first moments of eval and test."""

    windower: Windower
    cut: tuple[float, float] | None

    def __call__(self, batch: pa.RecordBatch, deal: Deal) -> Iterator[tuple[pa.RecordBatch, np.ndarray[Any, Any]]]:
        """Yields windows and the split of each. Of train all is before the cut; of eval and test the forecast is made behind theirs."""
        for made in self.windower(batch):
            if self.cut is None:
                yield made.batch, deal(made.batch)
                continue
            dealt = np.full(made.batch.num_rows, UNDEALT, np.int8)
            bounds = (-np.inf, *self.cut, np.inf)
            for place, (first, behind) in enumerate(itertools.pairwise(bounds)):
                dealt[(made.origins >= first) & (made.ends < behind)] = place
            self.windower.counted.cut += int((dealt == UNDEALT).sum())
            yield made.batch, dealt


@dataclass
class Written:
    """What was written."""

    rows: int = 0
    """Rows that were read."""
    dealt: int = 0
    """Rows that were looked at by the writer."""
    bad: int = 0
    """Rows of these that do not fit."""
    splits: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing_from_nan: dict[str, int] = field(default_factory=dict)
    targets: list[Any] = field(default_factory=list)
    """Different values of the target: one or two of them."""
    windows: dict[str, Any] | None = None
    """For `dataset.json`: how windows were made, and what became of the rows."""

    @property
    def written(self) -> int:
        """Number of examples in the three splits."""
        return sum(split["rows"] for split in self.splits.values())


def write(connection: duckdb.DuckDBPyConnection, relation: str, job: Job) -> Written:
    """Runs the SELECT `relation` and writes its rows: one thread reads on while another writes."""
    for split in SPLITS:
        shutil.rmtree(job.root / split, ignore_errors=True)
    normaliser = Normaliser(job.columns, job.target if job.windows is None else "", job.named)
    media = [column.name for column in job.columns if column.medium]
    made = normaliser.columns if job.windows is None else job.windows.windower.columns
    schema = pa.schema([field_of(column, column.kind) for column in made])
    writers = [ShardWriter(job.root, split, schema, media, job.contents) for split in SPLITS]
    written = Written()
    job.quarantine.hold_for(job.source, job.file)
    answer = connection.sql(select(job.columns, relation))
    try:
        with _in_background(lambda batch: _write_batch(batch, normaliser, writers, job, written)) as put:
            for batch in engine.batches(answer, BATCH_ROWS):
                put(batch)
                written.rows += batch.num_rows
                job.progress(written.rows, job.total, "rows")
        for writer in writers:
            writer.close()
    except BaseException:
        for writer in writers:
            writer.abandon()
        raise
    written.splits = {split: {"rows": w.rows, "shards": w.shards} for split, w in zip(SPLITS, writers, strict=True)}
    written.missing_from_nan = dict(normaliser.missing_from_nan)
    return written


@contextmanager
def _in_background(work: Callable[[pa.RecordBatch], None]) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Gives a function that hands batches to `work` in order on a second thread, a few of them ahead."""
    pending: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="shards") as pool:

        def put(batch: pa.RecordBatch) -> None:
            while len(pending) >= AHEAD:
                pending.popleft().result()
            pending.append(pool.submit(work, batch))

        try:
            yield put
            for future in pending:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write_batch(
    raw: pa.RecordBatch, normaliser: Normaliser, writers: list[ShardWriter], job: Job, written: Written
) -> None:
    batch, flaws = normaliser(raw)
    if job.windows is not None:
        _write_windows(raw, batch, flaws, writers, job, written)
        return
    dealt = job.deal(batch)
    flaws.add(dealt == UNDEALT, job.undealt)
    bad = flaws.bad
    if bad.any():
        written.bad += int(bad.sum())
        set_aside(raw, flaws, job.columns, job.quarantine, written.dealt)
        dealt = np.where(bad, UNDEALT, dealt)
    written.dealt += batch.num_rows
    _deal_out(batch, dealt, writers, job, written)


def _write_windows(  # noqa: PLR0917 - what `_write_batch` has, and what it made
    raw: pa.RecordBatch,
    batch: pa.RecordBatch,
    flaws: Flaws,
    writers: list[ShardWriter],
    job: Job,
    written: Written,
) -> None:
    """Sets the rows aside that do not fit, and writes the windows of the others: such a row is a gap."""
    framing = job.windows
    assert framing is not None  # noqa: S101 - who calls it has looked
    order = framing.windower.windows.order
    flaws.add(nulls(batch.column(batch.schema.get_field_index(order))), f"{order}: the moment is missing")
    bad = flaws.bad
    if bad.any():
        written.bad += int(bad.sum())
        set_aside(raw, flaws, job.columns, job.quarantine, written.dealt)
        batch = chosen(batch, ~bad)
    written.dealt += len(bad)
    for windows, dealt in framing(batch, job.deal) if batch.num_rows else ():
        _deal_out(windows, dealt, writers, job, written)


def _deal_out(
    batch: pa.RecordBatch, dealt: np.ndarray[Any, Any], writers: list[ShardWriter], job: Job, written: Written
) -> None:
    _note_targets(batch.column(batch.schema.get_field_index(job.target)), written)
    for place, writer in enumerate(writers):
        mine = dealt == place
        if mine.all():
            writer.write(batch)
        elif mine.any():
            writer.write(chosen(batch, mine))


def _note_targets(values: pa.Array, written: Written) -> None:
    if len(written.targets) < 2:
        if is_list(values.type):
            values = pa.array(matrix(values[: 1 << 10]).reshape(-1))
        for value in pc.drop_null(pc.unique(values)).to_pylist():
            if value not in written.targets and len(written.targets) < 2:
                written.targets.append(value)
