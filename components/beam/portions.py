"""Examples as a job reads them: a row group a portion, so that workers share the load and no more than a batch waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import BATCH_ROWS, Examples, parquet, with_bytes
from stellwerk.components.artifacts.stored import StoredFile
from stellwerk.components.beam.shared_storage import SharedStorage, opened, seen_by_worker
from stellwerk.components.beam.watching import Signs
from stellwerk.tables import pages
from stellwerk.tables.bounds import bearable


@dataclass(frozen=True)
class Portion:
    """Rows that one worker reads: a row group of a shard. A split without rows is one portion without any."""

    split: str
    number: int
    """Place of the portion in its split: the rows of portions in this order are those of the split in theirs."""
    place: str | StoredFile
    """The shard: an address that this worker sees, or an object of a store, which it reads itself."""
    row_group: int | None

    def batches(self, columns: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yields the rows as they are on disk. Raises DataError where this worker does not see the shard."""
        if self.row_group is None:
            return
        with self._open() as file:
            rows = bearable(file.metadata, columns, rows)
            batches = file.iter_batches(batch_size=rows, row_groups=[self.row_group], columns=list(columns))
            yield from with_bytes(batches, file.schema_arrow)

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        if isinstance(self.place, StoredFile):
            with parquet(self.place) as file:
                yield file
            return
        with opened(seen_by_worker(self.place)) as source, pq.ParquetFile(source, **pages.verified()) as file:
            yield file


def portions(examples: Examples, split: str, shared_storage: SharedStorage) -> list[Portion]:
    """Returns the portions of a split, one at least, and sees to it that workers can read them."""
    found: list[Portion] = []
    for shard in examples.shards(split):
        with parquet(shard) as file:
            groups = [group for group in range(file.num_row_groups) if file.metadata.row_group(group).num_rows]
        place = shard if isinstance(shard, StoredFile) else shared_storage.give(shard) if groups else ""
        found += [Portion(split, len(found) + number, place, group) for number, group in enumerate(groups)]
    return found or [Portion(split, 0, "", None)]


class spread(beam.PTransform):  # type: ignore[misc]  # noqa: N801 - applied as if it were a function
    """The portions as the beginning of a pipeline, one a bundle. Workers that spread them leave a sign at an address."""

    def __init__(self, given: Sequence[Portion], sign: str) -> None:
        super().__init__()
        self._given, self._sign = given, sign

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Signs before the portions are dealt out: at the first work that any worker gets."""
        signed = begin | beam.Create(self._given, reshuffle=False) | beam.ParDo(Signs(self._sign))
        return signed | beam.Reshuffle() if len(self._given) > 1 else signed


def merged(combine: beam.CombineFn) -> beam.PTransform:
    """Returns the merging of what portions gave into one value.

    There is a portion always. To be ready for none would cost a runner another source and a value broadcast to every worker.
    """
    return beam.CombineGlobally(combine).without_defaults()
