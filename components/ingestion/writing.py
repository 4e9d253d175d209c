"""Streams the rows of a query into the shards of the three splits, and the rows that do not fit into the quarantine."""

from __future__ import annotations

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
from stellwerk.components.ingestion.arrays import chosen
from stellwerk.components.ingestion.columns import Column, Normaliser, select
from stellwerk.components.ingestion.media.contents import Contents
from stellwerk.components.ingestion.quarantine import Quarantine, set_aside
from stellwerk.components.ingestion.shards import ShardWriter
from stellwerk.components.ingestion.splitting import UNDEALT, Deal
from stellwerk.progress import Progress
from stellwerk.section import SPLITS

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

    @property
    def written(self) -> int:
        """Number of examples in the three splits."""
        return sum(split["rows"] for split in self.splits.values())


def write(connection: duckdb.DuckDBPyConnection, relation: str, job: Job) -> Written:
    """Runs the SELECT `relation` and writes its rows: one thread reads on while another writes."""
    for split in SPLITS:
        shutil.rmtree(job.root / split, ignore_errors=True)
    normaliser = Normaliser(job.columns, job.target, job.named)
    media = [column.name for column in job.columns if column.medium]
    writers = [ShardWriter(job.root, split, normaliser.schema, media, job.contents) for split in SPLITS]
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
    dealt = job.deal(batch)
    flaws.add(dealt == UNDEALT, job.undealt)
    bad = flaws.bad
    if bad.any():
        written.bad += int(bad.sum())
        set_aside(raw, flaws, job.columns, job.quarantine, written.dealt)
        dealt = np.where(bad, UNDEALT, dealt)
    written.dealt += batch.num_rows
    _note_targets(batch.column(batch.schema.get_field_index(job.target)), written)
    for place, writer in enumerate(writers):
        mine = dealt == place
        if mine.all():
            writer.write(batch)
        elif mine.any():
            writer.write(chosen(batch, mine))


def _note_targets(values: pa.Array, written: Written) -> None:
    if len(written.targets) < 2:
        for value in pc.drop_null(pc.unique(values)).to_pylist():
            if value not in written.targets and len(written.targets) < 2:
                written.targets.append(value)
