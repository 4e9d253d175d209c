"""Statistics of a split, streamed: a batch at a time into TFDV's sketches, so that memory does not grow with the rows."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_data_validation.statistics import stats_impl, stats_options
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from stellwerk.components.artifacts.examples import Examples, as_lists
from stellwerk.errors import DataError
from stellwerk.machine import available_cores, die_with_parent
from stellwerk.progress import Progress, silent

FILE = "FeatureStats.pb"

WORTH_SHARING = 1_000_000
"""Cells from which on forks are worth their start: less is counted in a tenth of a second."""

MANY_HISTOGRAMS = 120
"""Columns, once a split, from which on forks are worth their start: TFDV takes a hundredth of a second for each one's histograms."""

TELL_SECONDS = 0.2


def statistics_of(
    examples: Examples, splits: Sequence[str], categorical: Collection[str], progress: Progress = silent
) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Returns TFDV's statistics of each split, as a list with one dataset named as the split.

    `categorical` names int64 columns whose numbers are names: they get value counts instead of a histogram. The columns are
    shared out among the cores: what TFDV says of one depends on no other, so the statistics are the same as from one process.
    """
    columns = examples.names(splits[0])
    cells = sum(examples.rows(split) for split in splits) * len(columns)
    shared = cells >= WORTH_SHARING or len(columns) * len(splits) >= MANY_HISTOGRAMS
    shares = _shares(columns, examples.columns, available_cores() if shared else 1)
    tasks = [(split, share) for split in splits for share in shares]
    told = _Told(progress, cells, len(columns))
    if len(shares) == 1:
        counted = [_counted(examples, split, share, categorical, told.add) for split, share in tasks]
    else:
        counted = _counted_by_forks(examples, tasks, categorical, told, len(shares))
    found = {split: counted[number * len(shares)] for number, split in enumerate(splits)}
    for (split, _), statistics in zip(tasks, counted, strict=True):
        if statistics is not found[split]:
            found[split].datasets[0].features.extend(statistics.datasets[0].features)
    return {split: in_order(statistics, columns) for split, statistics in found.items()}


def _shares(columns: Sequence[str], types: Mapping[str, str], number: int) -> list[list[str]]:
    """Deals the columns out so that every share has as many of each type."""
    dealt = sorted(columns, key=lambda column: types[column])
    return [share for share in (dealt[first::number] for first in range(number)) if share]


class _Told:
    """Counts cells, also from forked processes, and tells rows."""

    def __init__(self, progress: Progress, cells: int, columns: int) -> None:
        self._progress, self._cells, self._columns = progress, cells, columns
        self._done = multiprocessing.get_context("fork").Value("q", 0)

    def add(self, cells: int) -> None:
        """Counts; also called in another process, which has no display."""
        with self._done.get_lock():
            self._done.value += cells
        if multiprocessing.parent_process() is None:
            self.tell()

    def tell(self) -> None:
        """Tells the rows counted so far."""
        self._progress(self._done.value // self._columns, self._cells // self._columns, "rows")


def _counted_by_forks(
    examples: Examples, tasks: list[tuple[str, list[str]]], categorical: Collection[str], told: _Told, number: int
) -> list[statistics_pb2.DatasetFeatureStatisticsList]:
    """Does the tasks in forks of this process, which have TFDV loaded already."""
    forks = multiprocessing.get_context("fork")
    job = (examples, categorical, told)
    with ProcessPoolExecutor(number, mp_context=forks, initializer=_begin_fork, initargs=(job,)) as pool:
        pending = [pool.submit(_count_in_fork, *task) for task in tasks]
        while wait(pending, timeout=TELL_SECONDS).not_done:
            told.tell()
            if any(one.done() and one.exception() for one in pending):
                pool.shutdown(wait=False, cancel_futures=True)
                break
        told.tell()
        return [statistics_pb2.DatasetFeatureStatisticsList.FromString(one.result()) for one in pending]


_job: list[tuple[Examples, Collection[str], _Told]] = []
"""In a fork: what all its tasks have in common."""


def _begin_fork(job: tuple[Examples, Collection[str], _Told]) -> None:
    die_with_parent()
    _job.append(job)


def _count_in_fork(split: str, columns: list[str]) -> bytes:
    examples, categorical, told = _job[0]
    counted: bytes = _counted(examples, split, columns, categorical, told.add).SerializeToString()
    return counted


def _counted(
    examples: Examples, split: str, columns: list[str], categorical: Collection[str], add: Callable[[int], None]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns the statistics of some columns; `add` is told the cells of each batch when it is counted."""
    counting = Counting({column: examples.columns[column] for column in columns}, categorical)
    partial = counting.empty()
    for batch in examples.batches(split, columns):
        partial = counting.add(partial, batch)
        add(batch.num_rows * len(columns))
    return counting.statistics(partial, split)


class Counting:
    """TFDV's generators for some columns. What they have seen of rows travels as a list, and can be merged."""

    def __init__(self, types: Mapping[str, str], categorical: Collection[str]) -> None:
        options = stats_options.StatsOptions(schema=hints(types, categorical))
        self._generators = stats_impl.get_generators(options, in_memory=True)

    def empty(self) -> list[Any]:
        """Returns what they have seen at first."""
        return [generator.create_accumulator() for generator in self._generators]

    def add(self, partial: list[Any], batch: pa.RecordBatch) -> list[Any]:
        """Returns `partial` and the rows of a batch, whose columns are flat."""
        lists = as_lists(batch)
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are the gate's to report
            return [one.add_input(seen, lists) for one, seen in zip(self._generators, partial, strict=True)]

    def merge(self, partial: list[Any], other: list[Any]) -> list[Any]:
        """Returns what was seen by both."""
        pairs = zip(self._generators, partial, other, strict=True)
        with np.errstate(invalid="ignore", over="ignore"):
            return [generator.merge_accumulators([seen, also]) for generator, seen, also in pairs]

    def compact(self, partial: list[Any]) -> list[Any]:
        """Returns it smaller, to be sent to another process."""
        return [generator.compact(seen) for generator, seen in zip(self._generators, partial, strict=True)]

    def statistics(self, partial: list[Any], split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Returns the statistics of a split of which `partial` was seen."""
        with np.errstate(invalid="ignore", over="ignore"):
            statistics = stats_impl.extract_statistics_output(partial, self._generators)
        statistics.datasets[0].name = split
        return statistics


def in_order(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, columns: list[str]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Puts the columns in the order of the data."""
    features = sorted(statistics.datasets[0].features, key=lambda feature: columns.index(feature.path.step[0]))
    del statistics.datasets[0].features[:]
    statistics.datasets[0].features.extend(features)
    return statistics


def hints(columns: Mapping[str, str], categorical: Collection[str]) -> schema_pb2.Schema:
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
