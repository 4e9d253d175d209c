"""Statistics of a split, streamed: a batch at a time into TFDV's sketches, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
from tensorflow_data_validation.statistics import stats_impl, stats_options
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from stellwerk.components.artifacts.examples import Examples, as_lists
from stellwerk.errors import DataError

FILE = "FeatureStats.pb"


def statistics_of(
    examples: Examples, split: str, categorical: Collection[str], advance: Callable[[int], None]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns TFDV's statistics of one split, as a list with one dataset named as the split.

    `categorical` names int64 columns whose numbers are names: they get value counts instead of a histogram.
    `advance` is told the rows of each batch when it is counted.
    """
    generators = stats_impl.get_generators(
        stats_options.StatsOptions(schema=_hints(examples.columns, categorical)), in_memory=True
    )
    partial = [generator.create_accumulator() for generator in generators]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are the gate's to report
        for batch in examples.batches(split):
            lists = as_lists(batch)
            pairs = zip(generators, partial, strict=True)
            partial = [generator.add_input(counted, lists) for generator, counted in pairs]
            advance(batch.num_rows)
        statistics = stats_impl.extract_statistics_output(partial, generators)
    statistics.datasets[0].name = split
    return statistics


def _hints(columns: Mapping[str, str], categorical: Collection[str]) -> schema_pb2.Schema:
    """Says what the column types do not: which integers are names, and that binary columns are no texts to count."""
    schema = schema_pb2.Schema()
    for column, kind in columns.items():
        if kind == "int64" and column in categorical:
            schema.feature.add(name=column, type=schema_pb2.INT).int_domain.is_categorical = True
        elif kind == "binary":
            schema.feature.add(name=column, type=schema_pb2.BYTES).image_domain.SetInParent()
    return schema


def by_column(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Returns the statistics of each column by its name."""
    return {feature.path.step[0]: feature for feature in statistics.datasets[0].features}


def common(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    """Returns what statistics of every type have: how many examples have a value and how many miss it."""
    return getattr(feature, feature.WhichOneof("stats")).common_stats


def write(statistics: statistics_pb2.DatasetFeatureStatisticsList, folder: Path) -> None:
    """Writes one split's statistics so that `tfdv.load_stats_binary` reads them."""
    folder.mkdir()
    (folder / FILE).write_bytes(statistics.SerializeToString(deterministic=True))


def read(folder: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads one split's statistics. Raises DataError where there are none."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    try:
        statistics.ParseFromString((folder / FILE).read_bytes())
    except Exception as error:
        raise DataError(
            f"{folder / FILE}: the statistics to compare with cannot be read ({error}). "
            "Remove that run, or take validate.drift out of the spec"
        ) from error
    return statistics
