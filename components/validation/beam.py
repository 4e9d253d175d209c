"""Statistics by TFDV on Beam's workers: the same generators, over the same batches, merged by Beam instead of by a loop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
from tensorflow_data_validation.api import stats_api
from tensorflow_data_validation.statistics import stats_options
from tensorflow_metadata.proto.v0 import statistics_pb2

from stellwerk.components.artifacts.examples import Examples, as_lists
from stellwerk.components.beam.jobs import job
from stellwerk.components.beam.meeting import meeting, put
from stellwerk.components.beam.portions import Portion, portions, spread
from stellwerk.components.validation.statistics import hints, in_order
from stellwerk.spec.beam import Beam

Measured = dict[str, statistics_pb2.DatasetFeatureStatisticsList]


def statistics_on(
    settings: Beam, examples: Examples, splits: Sequence[str], categorical: Collection[str], beside: Path
) -> Measured:
    """Returns what `statistics_of` does, measured in one job; `beside` is an output of the step, see `meeting`."""
    columns = examples.names(splits[0])
    found: Measured = {}
    with meeting(settings, beside) as place:
        with job(settings, "validate") as pipeline:
            for split in splits:
                options = stats_options.StatsOptions(schema=hints(examples.columns, categorical))
                _ = (
                    pipeline
                    | f"{split}: portions" >> spread(portions(examples, split, place))
                    | f"{split}: rows" >> beam.FlatMap(_lists, columns)
                    | f"{split}: statistics" >> stats_api.GenerateStatistics(options)
                    | f"{split}: write" >> beam.Map(_write, place.at(f"{split}.pb"))
                )
        for split in splits:
            measured = statistics_pb2.DatasetFeatureStatisticsList.FromString(place.read(place.at(f"{split}.pb")))
            measured.datasets[0].name = split
            found[split] = in_order(measured, columns)
    return found


def _lists(portion: Portion, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    return map(as_lists, portion.batches(columns))


def _write(statistics: statistics_pb2.DatasetFeatureStatisticsList, address: str) -> str:
    return put(statistics.SerializeToString(), address)
