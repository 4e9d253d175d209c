"""Skew and drift: how far the values of a column have moved between two sets of examples, by TFDV's comparators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from stellwerk.components.validation.statistics import by_column, common
from stellwerk.errors import DataError, did_you_mean
from stellwerk.showing import listed
from stellwerk.spec.sections import Comparator, Validate

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


def check_columns(settings: Validate, columns: Mapping[str, str]) -> None:
    """Raises DataError where skew or drift name a column that the data lack or that cannot be compared so."""
    for kind, comparators in (("skew", settings.skew), ("drift", settings.drift)):
        for column, comparator in comparators.items():
            where = f"validate.{kind}.{column}"
            if column not in columns:
                raise DataError(
                    f"{where}: the data have no column '{column}'.{did_you_mean(column, columns)} "
                    f"Columns: {listed(columns)}"
                )
            if columns[column] == "binary":
                raise DataError(f"{where}: the column holds bytes, which have no distribution. Remove the entry")
            if comparator.l_infinity is not None and columns[column] == "float":
                raise DataError(
                    f"{where}: l_infinity compares the shares of single values, and the column holds fractional numbers. "
                    "Use jensen_shannon, which compares their distributions"
                )


def categorical_columns(settings: Validate, schema: schema_pb2.Schema | None) -> set[str]:
    """Returns columns whose whole numbers are names: those the schema says so of, and those compared value by value."""
    compared = {
        column
        for comparators in (settings.skew, settings.drift)
        for column, comparator in comparators.items()
        if comparator.l_infinity is not None
    }
    declared = {feature.name for feature in schema.feature if _is_categorical(feature)} if schema else set()
    return compared | declared


def _is_categorical(feature: schema_pb2.Feature) -> bool:
    if feature.type != schema_pb2.INT:
        return False
    return bool(
        feature.int_domain.is_categorical
        or feature.skew_comparator.HasField("infinity_norm")
        or feature.drift_comparator.HasField("infinity_norm")
    )


def skew(
    train: Statistics, other: Statistics, schema: schema_pb2.Schema, comparators: Mapping[str, Comparator]
) -> anomalies_pb2.Anomalies:
    """Compares another split with the train split."""
    compared = _compared(schema, comparators, "skew_comparator", (train, other))
    return _only_comparisons(tfdv.validate_statistics(train, compared, serving_statistics=other))


def drift(
    train: Statistics, previous: Statistics, schema: schema_pb2.Schema, comparators: Mapping[str, Comparator]
) -> anomalies_pb2.Anomalies:
    """Compares the train split with that of an earlier run."""
    compared = _compared(schema, comparators, "drift_comparator", (train, previous))
    return _only_comparisons(tfdv.validate_statistics(train, compared, previous_statistics=previous))


def _compared(
    schema: schema_pb2.Schema, comparators: Mapping[str, Comparator], field: str, pair: tuple[Statistics, Statistics]
) -> schema_pb2.Schema:
    """Returns a schema of the columns to compare and nothing else.

    Leaves out columns without comparable statistics on both sides: TFDV measures something meaningless there, or nothing.
    """
    one, other = by_column(pair[0]), by_column(pair[1])
    compared = schema_pb2.Schema()
    for feature in schema.feature:
        left, right = one.get(feature.name), other.get(feature.name)
        wanted = feature.name in comparators or feature.HasField(field)
        if not wanted or left is None or right is None or not _comparable(left, right):
            continue
        entry = compared.feature.add(name=feature.name, type=feature.type)
        if feature.int_domain.is_categorical:
            entry.int_domain.is_categorical = True
        getattr(entry, field).CopyFrom(getattr(feature, field))
        if feature.name in comparators:
            _set(getattr(entry, field), comparators[feature.name])
    return compared


def _comparable(left: statistics_pb2.FeatureNameStatistics, right: statistics_pb2.FeatureNameStatistics) -> bool:
    same = left.WhichOneof("stats") == right.WhichOneof("stats")
    return bool(same and common(left).num_non_missing and common(right).num_non_missing)


def _set(comparator: schema_pb2.FeatureComparator, wanted: Comparator) -> None:
    comparator.Clear()
    if wanted.l_infinity is not None:
        comparator.infinity_norm.threshold = wanted.l_infinity
    else:
        comparator.jensen_shannon_divergence.threshold = wanted.jensen_shannon


def _only_comparisons(anomalies: anomalies_pb2.Anomalies) -> anomalies_pb2.Anomalies:
    kept = anomalies_pb2.Anomalies()
    kept.drift_skew_info.extend(anomalies.drift_skew_info)
    for column, info in anomalies.anomaly_info.items():
        reasons = [reason for reason in info.reason if kind_of(reason).startswith("COMPARATOR_")]
        if reasons:
            entry = kept.anomaly_info[column]
            entry.CopyFrom(info)
            del entry.reason[:]
            entry.reason.extend(reasons)
            _describe(entry)
    return kept


def kind_of(reason: anomalies_pb2.AnomalyInfo.Reason) -> str:
    """Returns the name of the type of an anomaly's reason."""
    name: str = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
    return name


def merge(anomalies: anomalies_pb2.Anomalies, more: anomalies_pb2.Anomalies) -> None:
    """Adds what a comparison found to the anomalies of a split."""
    anomalies.drift_skew_info.extend(more.drift_skew_info)
    for column, info in more.anomaly_info.items():
        entry = anomalies.anomaly_info[column]
        if entry.reason:
            entry.reason.extend(info.reason)
            entry.severity = max(entry.severity, info.severity)
            _describe(entry)
        else:
            entry.CopyFrom(info)


def _describe(info: anomalies_pb2.AnomalyInfo) -> None:
    """Sums the reasons up as TFDV does."""
    info.description = " ".join(reason.description for reason in info.reason)
    info.short_description = info.reason[0].short_description if len(info.reason) == 1 else "Multiple errors"


def measurements(
    anomalies: anomalies_pb2.Anomalies,
) -> Iterator[tuple[str, str, anomalies_pb2.DriftSkewInfo.Measurement]]:
    """Yields column, `skew` or `drift`, and what was measured."""
    for info in anomalies.drift_skew_info:
        for kind, measured in (("skew", info.skew_measurements), ("drift", info.drift_measurements)):
            for measurement in measured:
                yield info.path.step[0], kind, measurement
