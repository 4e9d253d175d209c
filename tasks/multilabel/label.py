"""The label of a target of several labels a row: 0 or 1 for each of them.

Examples have the labels of a row as one text, sorted, with `BETWEEN_LABELS` between them; an empty text is a row without any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import BETWEEN_LABELS
from stellwerk.errors import DataError
from stellwerk.tasks import named_where
from stellwerk.tasks.classes import numbered, says
from stellwerk.tasks.counts import Array
from stellwerk.tasks.labels import Labels

if TYPE_CHECKING:
    from stellwerk.spec.target import Target

MOST_LABELS = 1_000


class LabelAnswers:
    """How often each label occurs, in how many rows, and whether every row has exactly one."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._counts: Counter[str] = Counter()
        self._single, self._rows = True, 0

    def add(self, column: pa.Array) -> None:
        """Takes a batch."""
        names, _ = taken_apart(column)
        found = pc.value_counts(names)
        self._counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
        apart = pc.or_(pc.equal(column, ""), pc.match_substring(column, BETWEEN_LABELS))
        self._single = self._single and not pc.any(apart).as_py()
        self._rows += len(column)

    def merge(self, other: LabelAnswers) -> None:
        """Takes what `other` has seen."""
        self._counts.update(other._counts)
        self._single = self._single and other._single
        self._rows += other._rows

    def as_json(self) -> list[Any]:
        """Returns whether every row has one label, the rows, and the labels with how often they occur."""
        return [self._single, self._rows, list(self._counts.items())]

    def restore(self, found: list[Any]) -> None:
        """Takes what `as_json` gave."""
        self._single, self._rows, counts = found
        self._counts = Counter(dict(counts))

    def classes(self) -> list[str]:
        """Returns the labels in the order of their outputs. Raises DataError for a target that nothing can be learned of."""
        return find_labels(self._counts, self._target, self._rows, single=self._single)


def answers(target: Target) -> LabelAnswers:
    """Returns what takes the target's column over all splits."""
    return LabelAnswers(target)


def find_labels(counts: Counter[str], target: Target, rows: int, *, single: bool) -> list[str]:
    """Returns the labels, sorted: the `vocabulary` most frequent, and none of fewer than `min_count` rows.

    Raises DataError for no label, one only, too many, the same in all `rows`, or, where every row has a `single` one, for a target that is multiclass.
    """
    kept = [name for name, count in counts.items() if count >= target.min_count]
    kept = sorted(kept, key=lambda name: (-counts[name], name))[: target.vocabulary]
    if not counts:
        raise DataError.of_key("target", says(target, "has no label in any row: there is nothing to learn"))
    if len(kept) < 2:
        rare = f" that {target.min_count} rows or more have; lower target.min_count" if target.min_count > 1 else ""
        found = f"one label only, '{kept[0]}',{rare}" if kept else f"no label{rare}"
        advice = (
            ""
            if rare
            else f" so there are no several to tell apart. Use type: {named_where(lambda task: task.has_positive)}"
        )
        raise DataError.of_key("target", says(target, f"has {found}{advice}"))
    if all(counts[name] == rows for name in kept):
        raise DataError.of_key(
            "target", says(target, f"has only one value ({', '.join(kept)}): there is nothing to learn")
        )
    if single:
        one = named_where(lambda task: task.has_classes and not task.one_score)
        advice = f"in a text '{target.separator}' stands between them. Set target.separator, or use type: {one}"
        raise DataError.of_key("target", says(target, f"has exactly one label in every row; {advice}"))
    if len(kept) > MOST_LABELS:
        advice = f"more than {MOST_LABELS:,}. Set target.min_count or target.vocabulary"
        raise DataError.of_key("target", says(target, f"has {len(kept):,} labels, {advice}"))
    return sorted(kept)


def taken_apart(column: pa.Array) -> tuple[pa.Array, Array]:
    """Returns the labels of all rows one after the other, and of each the number of its row."""
    lists = pc.split_pattern(column, BETWEEN_LABELS)
    names, rows = pc.list_flatten(lists), np.asarray(pc.list_parent_indices(lists))
    there = pc.not_equal(names, "")
    return names.filter(there), rows[np.asarray(there)]


def encode(column: pa.Array, classes: Sequence[str]) -> Array:
    """Returns 1 for each label of a row and 0 for every other, float32 [rows, labels]; NaN for what is missing. Labels that are none are left out."""
    names, rows = taken_apart(column)
    places = numbered(names, classes)
    labels = np.zeros((len(column), len(classes)), np.float32)
    labels[rows[places >= 0], places[places >= 0]] = 1
    labels[np.asarray(pc.is_null(column))] = np.nan
    return labels


def known(labels: Array) -> Array:
    """Returns which rows have labels, be it none of them."""
    finite: Array = np.isfinite(labels).all(axis=1)
    return finite


def measured(batches: Iterable[Array], target: Target, classes: Sequence[str]) -> Labels:
    """Returns in how many rows of the train split each label is. Raises DataError where all rows have the same."""
    rows, counts = 0, np.zeros(len(classes), np.float64)
    for values in batches:
        rows, counts = rows + len(values), counts + values.sum(axis=0)
    if ((counts == 0) | (counts == rows)).all():
        raise DataError(
            f"Column '{target.column}' has the same labels in all {rows:,} rows of the train split: there is nothing to learn. "
            "Check target.column and data.query, or change data.split."
        )
    return Labels(rows, counts)


def trivial(labels: Labels) -> list[float]:
    """Returns the share of the rows that have each label."""
    shares: list[float] = (labels.counts / labels.rows).tolist()
    return shares
