"""What TFDV does not ask: whether the target can be learned at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.validation import counting
from stellwerk.components.validation.gate import Row
from stellwerk.components.validation.statistics import by_column, common
from stellwerk.spec import Target

LISTED = 1000
"""TFDV's statistics list this many different values at most."""


def target_rows(
    target: Target, examples: Examples, statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> list[Row]:
    """Returns anomalies of the target: one class only, more than two, no numbers, or a class not in the train split."""
    train = by_column(statistics["train"]).get(target.column)
    if train is None or not common(train).num_non_missing:
        return []
    present = common(train).num_non_missing
    if target.type == "regression":
        return _not_numeric(target, train)
    classes, rows = _classes(train), examples.rows("train")
    place = {"split": "train", "column": target.column}
    if len(classes) == 1 or _constant(train):
        value = classes[0] if classes else f"{train.num_stats.min:g}"
        what = f"the target has one value only: {value}. Nothing can be learned from it"
        fix = "give data with examples of every class, or change target.column or data.query in the spec"
        return [_row(rows, kind="TARGET_ONE_CLASS", what=what, fix=fix, examples=present, **place)]
    if target.type == "binary" and len(classes) > 2:
        what = f"a binary target with {len(classes)} values: {', '.join(classes[:5])}"
        fix = "set target.type: multiclass, or make two values of them in data.query"
        return [_row(rows, kind="TARGET_MANY_CLASSES", what=what, fix=fix, examples=present, **place)]
    return [row for split in statistics if split != "train" for row in _new_classes(target, split, classes, examples)]


def _not_numeric(target: Target, train: statistics_pb2.FeatureNameStatistics) -> list[Row]:
    if train.HasField("num_stats"):
        return []
    what, fix = "a regression target that holds texts", "make numbers of it in data.query, or change target.type"
    return [Row("train", target.column, "TARGET_NOT_NUMERIC", what, common(train).num_non_missing, 1.0, fix, None)]


def _new_classes(target: Target, split: str, classes: list[str], examples: Examples) -> list[Row]:
    if not classes or len(classes) >= LISTED:
        return []
    new = counting.count(examples, split, target.column, counting.not_among(classes))
    if not new:
        return []
    what = "classes that the train split does not have: the model can never predict them"
    fix = "split so that every class is in the train split (data.split), or leave these rows out (data.query)"
    return [
        _row(
            examples.rows(split),
            split=split,
            column=target.column,
            kind="TARGET_NEW_CLASS",
            what=what,
            fix=fix,
            examples=new,
        )
    ]


def _classes(feature: statistics_pb2.FeatureNameStatistics) -> list[str]:
    return [bucket.label for bucket in feature.string_stats.rank_histogram.buckets]


def _constant(feature: statistics_pb2.FeatureNameStatistics) -> bool:
    return bool(feature.HasField("num_stats") and feature.num_stats.min == feature.num_stats.max)


def _row(rows: int, **told: Any) -> Row:
    """Returns a row of a split with `rows` examples."""
    return Row(share=told["examples"] / rows, line=None, **told)
