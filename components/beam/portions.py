"""Examples as a job reads them: a row group a portion, so that workers share the load and no more than a batch waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import BATCH_ROWS, Examples, parquet
from stellwerk.components.artifacts.stored import StoredFile
from stellwerk.components.beam.meeting import Meeting, opened, seen_by_worker


@dataclass(frozen=True)
class Portion:
    """Rows that one worker reads: a row group of a shard."""

    split: str
    number: int
    """Place of the portion in its split: the rows of portions in this order are those of the split in theirs."""
    place: str | StoredFile
    """The shard: an address that this worker sees, or an object of a store, which it reads itself."""
    row_group: int

    def batches(self, columns: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yields the rows as they are on disk. Raises DataError where this worker does not see the shard."""
        with self._open() as file:
            yield from file.iter_batches(batch_size=rows, row_groups=[self.row_group], columns=list(columns))

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        if isinstance(self.place, StoredFile):
            with parquet(self.place) as file:
                yield file
            return
        with opened(seen_by_worker(self.place)) as source, pq.ParquetFile(source) as file:
            yield file


def portions(examples: Examples, split: str, meeting: Meeting) -> list[Portion]:
    """Returns the portions of a split, and sees to it that workers can read them."""
    found: list[Portion] = []
    for shard in examples.shards(split):
        with parquet(shard) as file:
            groups = [group for group in range(file.num_row_groups) if file.metadata.row_group(group).num_rows]
        place = shard if isinstance(shard, StoredFile) else meeting.give(shard) if groups else ""
        found += [Portion(split, len(found) + number, place, group) for number, group in enumerate(groups)]
    return found


def spread(given: Sequence[Portion]) -> beam.PTransform:
    """Returns the portions as the beginning of a pipeline, one a bundle."""
    return beam.Create(given, reshuffle=True)
