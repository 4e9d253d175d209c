"""Statistics by TFDV on Beam's workers: the same generators, over the same batches, one set for every row group.

TFDV's own `GenerateStatistics` puts some thirty transforms behind each split, for slices, partitions and counters that nobody
asked for, and a runner translates, deploys and schedules them all before it reads a row. Here it is one ParDo and one Combine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import apache_beam as beam
from tensorflow_metadata.proto.v0 import statistics_pb2

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.beam.jobs import job
from stellwerk.components.beam.portions import Portion, merged, portions
from stellwerk.components.beam.shared_storage import put, shared_storage
from stellwerk.components.validation.statistics import Counting, in_order
from stellwerk.spec.beam import Beam

Measured = dict[str, statistics_pb2.DatasetFeatureStatisticsList]
BySplit = dict[str, list[Any]]
"""What generators have seen of each split, see `Counting`."""


def statistics_on(
    settings: Beam, examples: Examples, splits: Sequence[str], categorical: Collection[str], beside: Path
) -> Measured:
    """Returns what `statistics_of` does, measured in one job; `beside` is an output of the step, see `shared_storage`."""
    columns = examples.names(splits[0])
    types = {column: examples.columns[column] for column in columns}
    with shared_storage(settings, beside) as place:
        address = place.at("statistics.pb")
        given = [one for split in splits for one in portions(examples, split, place)]
        with job(settings, "validate", given, place) as read:
            _ = (
                read
                | "Count" >> beam.ParDo(_Count(types, categorical))
                | "Merge" >> merged(_Merge(types, categorical))
                | "Write" >> beam.Map(put, address)
            )
        measured = statistics_pb2.DatasetFeatureStatisticsList.FromString(place.read(address))
    found = {one.name: statistics_pb2.DatasetFeatureStatisticsList(datasets=[one]) for one in measured.datasets}
    return {split: in_order(found[split], columns) for split in splits}


class _Count(beam.DoFn):  # type: ignore[misc]
    """Counts a portion: yields what the generators have seen of its split."""

    def __init__(self, types: Mapping[str, str], categorical: Collection[str]) -> None:
        self._types, self._categorical = types, categorical

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self._types, self._categorical)

    def process(self, portion: Portion) -> Iterator[BySplit]:
        seen = self._counting.empty()
        for batch in portion.batches(list(self._types)):
            seen = self._counting.add(seen, batch)
        yield {portion.split: self._counting.compact(seen)}


class _Merge(beam.CombineFn):  # type: ignore[misc]
    """Merges what was seen of portions, split by split, and writes it as statistics of every split."""

    def __init__(self, types: Mapping[str, str], categorical: Collection[str]) -> None:
        self._types, self._categorical = types, categorical

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self._types, self._categorical)

    def create_accumulator(self) -> BySplit:
        return {}

    def add_input(self, together: BySplit, seen: BySplit) -> BySplit:
        for split, partial in seen.items():
            together[split] = self._counting.merge(together[split], partial) if split in together else partial
        return together

    def merge_accumulators(self, accumulators: Iterable[BySplit]) -> BySplit:
        together: BySplit = {}
        for one in accumulators:
            together = self.add_input(together, one)
        return together

    def extract_output(self, together: BySplit) -> bytes:
        statistics = statistics_pb2.DatasetFeatureStatisticsList()
        for split, partial in together.items():
            statistics.MergeFrom(self._counting.statistics(partial, split))
        written: bytes = statistics.SerializeToString()
        return written
