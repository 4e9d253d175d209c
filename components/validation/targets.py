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
from stellwerk.tasks import TASKS
from stellwerk.tasks.parts import Anomaly, CheckPart, Train

LISTED = 1000
"""TFDV's statistics list this many different values at most."""


def target_rows(
    target: Target, examples: Examples, statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> list[Row]:
    """Returns anomalies of the target: one class only, more than two, no numbers, or a class not in the train split."""
    train = by_column(statistics["train"]).get(target.column)
    if train is None or not common(train).num_non_missing:
        return []
    part: CheckPart = TASKS.part(target.type, "check")
    found = part.anomaly(target, _seen(train))
    if found is not None:
        return [_anomaly(found, target, examples, common(train).num_non_missing)]
    if not target.about.has_classes:
        return []
    classes = _classes(train)
    return [row for split in statistics if split != "train" for row in _new_classes(target, split, classes, examples)]


def _seen(train: statistics_pb2.FeatureNameStatistics) -> Train:
    is_number, classes = train.HasField("num_stats"), _classes(train)
    constant = is_number and train.num_stats.min == train.num_stats.max
    value = classes[0] if classes else f"{train.num_stats.min:g}"
    return Train(is_number, classes, value if len(classes) == 1 or constant else None)


def _anomaly(found: Anomaly, target: Target, examples: Examples, present: int) -> Row:
    share = present / examples.rows("train") if found.share is None else found.share
    return Row("train", target.column, found.kind, found.what, present, share, found.fix, None)


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


def _row(rows: int, **told: Any) -> Row:
    """Returns a row of a split with `rows` examples."""
    return Row(share=told["examples"] / rows, line=None, **told)
