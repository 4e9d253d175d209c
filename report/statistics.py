"""Reads TFDV's statistics protos; the protos alone, so that no TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

SPLIT_ORDER = ("train", "eval", "test")
TOP_VALUES = 10
"""How many of the most frequent values are drawn."""


@dataclass(frozen=True)
class Numbers:
    """Statistics of a numeric column in one split."""

    mean: float
    std: float
    min: float
    median: float
    max: float
    zeros: int
    buckets: tuple[tuple[float, float, float], ...]
    """(low, high, rows) of equal width."""


@dataclass(frozen=True)
class Values:
    """How often the values of a text column, or of one of classes, occur in one split."""

    unique: int
    top: tuple[tuple[str, float], ...]
    """Most frequent values with their rows."""
    mean_length: float


@dataclass(frozen=True)
class Column:
    """Statistics of one column in one split."""

    rows: int
    missing: int
    numbers: Numbers | None
    values: Values | None

    @property
    def missing_share(self) -> float:
        """Share of the split's rows in which the column is missing."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True)
class FeatureStatistics:
    """One column in all splits."""

    name: str
    kind: Literal["number", "text", "bytes"]
    splits: Mapping[str, Column]

    @property
    def most_missing(self) -> tuple[str, float]:
        """The split in which the largest share of values is missing, and that share."""
        shares = ((split, column.missing_share) for split, column in self.splits.items())
        return max(shares, key=lambda pair: pair[1], default=("", 0.0))


def read_statistics(path: Path) -> tuple[FeatureStatistics, ...]:
    """Reads the Statistics artifact in `path`: every column with its splits, sorted by name."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from tensorflow_metadata.proto.v0 import statistics_pb2  # noqa: PLC0415

    found: dict[str, dict[str, Column]] = {}
    kinds: dict[str, Literal["number", "text", "bytes"]] = {}
    for split in _splits(path):
        proto = statistics_pb2.DatasetFeatureStatisticsList()
        try:
            proto.ParseFromString((path / split / "FeatureStats.pb").read_bytes())
        except DecodeError as error:
            raise ValueError(f"{split}/FeatureStats.pb is damaged") from error
        if not proto.datasets:
            continue
        dataset = proto.datasets[0]
        for feature in dataset.features:
            name = feature.name or ".".join(feature.path.step)
            kinds.setdefault(name, _kind(feature))
            found.setdefault(name, {})[split] = _column(feature, int(dataset.num_examples))
    return tuple(FeatureStatistics(name, kinds[name], found[name]) for name in sorted(found, key=str.casefold))


def _splits(path: Path) -> list[str]:
    names = [entry.parent.name for entry in path.glob("*/FeatureStats.pb")]
    return sorted(names, key=lambda name: (SPLIT_ORDER.index(name) if name in SPLIT_ORDER else len(SPLIT_ORDER), name))


def _kind(feature: Any) -> Literal["number", "text", "bytes"]:
    """Returns what the values are: classes that are whole numbers are counted as texts are, and stay numbers."""
    if feature.HasField("num_stats") or (feature.type == feature.INT and feature.HasField("string_stats")):
        return "number"
    return "text" if feature.HasField("string_stats") else "bytes"


def _column(feature: Any, rows: int) -> Column:
    numbers = values = None
    common = feature.bytes_stats.common_stats
    if feature.HasField("num_stats"):
        common, numbers = feature.num_stats.common_stats, _numbers(feature.num_stats)
    elif feature.HasField("string_stats"):
        common, values = feature.string_stats.common_stats, _values(feature.string_stats)
    missing = max(int(common.num_missing), rows - int(common.num_non_missing))
    return Column(rows, min(missing, rows), numbers, values)


def _numbers(proto: Any) -> Numbers:
    histograms = [entry for entry in proto.histograms if entry.type == entry.STANDARD]
    buckets = histograms[0].buckets if histograms else ()
    return Numbers(
        mean=proto.mean,
        std=proto.std_dev,
        min=proto.min,
        median=proto.median,
        max=proto.max,
        zeros=int(proto.num_zeros),
        buckets=tuple((entry.low_value, entry.high_value, entry.sample_count) for entry in buckets),
    )


def _values(proto: Any) -> Values:
    ranked = [(entry.label, entry.sample_count) for entry in proto.rank_histogram.buckets]
    top = ranked or [(entry.value, entry.frequency) for entry in proto.top_values]
    return Values(int(proto.unique), tuple(top), proto.avg_length)
