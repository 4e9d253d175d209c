"""Examples as a job reads them: a row group a portion, so that workers share the load and no more than a batch waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import BATCH_ROWS, Examples
from stellwerk.components.beam.meeting import Meeting, opened, seen_by_worker


@dataclass(frozen=True)
class Portion:
    """Rows that one worker reads: a row group of a shard."""

    split: str
    number: int
    """Place of the portion in its split: the rows of portions in this order are those of the split in theirs."""
    address: str
    row_group: int

    def batches(self, columns: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yields the rows as they are on disk. Raises DataError where this worker does not see the shard."""
        with opened(seen_by_worker(self.address)) as source, pq.ParquetFile(source) as file:
            yield from file.iter_batches(batch_size=rows, row_groups=[self.row_group], columns=list(columns))


def portions(examples: Examples, split: str, meeting: Meeting) -> list[Portion]:
    """Returns the portions of a split, and sees to it that workers can read them."""
    found: list[Portion] = []
    for shard in examples.shards(split):
        with pq.ParquetFile(shard) as file:
            groups = [group for group in range(file.num_row_groups) if file.metadata.row_group(group).num_rows]
        address = meeting.give(shard) if groups else ""
        found += [Portion(split, len(found) + place, address, group) for place, group in enumerate(groups)]
    return found


def spread(given: Sequence[Portion]) -> beam.PTransform:
    """Returns the portions as the beginning of a pipeline, one a bundle."""
    return beam.Create(given, reshuffle=True)
