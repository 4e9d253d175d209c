"""The label of a binary target: 1 for the positive value, 0 for the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.errors import DataError, did_you_mean
from stellwerk.tasks.classes import (
    ClassAnswers,
    class_names,
    is_true,
    is_word,
    is_words,
    numbered,
    says,
    several,
    word_sides,
)
from stellwerk.tasks.counts import Array
from stellwerk.tasks.labels import Labels, counted

if TYPE_CHECKING:
    from stellwerk.spec.target import Target

_SHOWN = 8


def answers(target: Target) -> ClassAnswers:
    """Returns what takes the target's column over all splits."""
    return ClassAnswers(target, find_classes)


def find_classes(counts: Counter[str], target: Target) -> list[str]:
    """Returns the negative and the positive class, from how often each name occurs.

    Raises DataError for one class only, more than two, or a `positive` that does not occur.
    """
    names = several(counts, target)
    if all(is_word(name) for name in names):
        names = _one_word_each(counts)
    if len(names) != 2:
        shown = ", ".join(repr(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        what = f"is {target.type} but has {len(names)} values: {shown}"
        advice = "Use type: multiclass, or make it two values in data.query"
        raise DataError.of_key("target", says(target, f"{what}. {advice}"))
    return _positive_last(names, target)


def encode(column: pa.Array, classes: Sequence[str]) -> Array:
    """Returns 0 or 1 for each row, float32; NaN for what is missing or neither."""
    names = class_names(column)
    if is_words(classes):
        names = pc.utf8_lower(pc.utf8_trim_whitespace(names))
        ids = np.full(len(names), -1, np.int64)
        for place, words in enumerate(word_sides(classes)):
            ids[np.asarray(pc.is_in(names, value_set=pa.array(words)))] = place
    else:
        ids = numbered(names, classes)
    return np.where(ids < 0, np.nan, ids).astype(np.float32)


def known(labels: Array) -> Array:
    """Returns which labels are one."""
    return np.isfinite(labels)


def measured(batches: Iterable[Array], target: Target, classes: Sequence[str]) -> Labels:
    """Returns how often each class occurs in the train split."""
    return counted(batches, target.column, classes)


def trivial(labels: Labels) -> list[float]:
    """Returns the share of the positive class."""
    shares: list[float] = (labels.counts / labels.rows).tolist()
    return shares[1:]


def _positive_last(names: list[str], target: Target) -> list[str]:
    if target.positive is None:
        return names
    wanted = str(target.positive)
    for name in names:
        if name == wanted or (is_words(names) and is_word(wanted) and is_true(name) == is_true(wanted)):
            return [other for other in names if other != name] + [name]
    raise DataError.of_key(
        "target.positive",
        f"'{wanted}' does not occur in column '{target.column}', which has {' and '.join(names)}."
        f"{did_you_mean(wanted, names)}",
    )


def _one_word_each(counts: Counter[str]) -> list[str]:
    """Keeps the most frequent word for false and the one for true."""
    found: list[str] = []
    for truth in (False, True):
        words = [(-count, name) for name, count in counts.items() if is_true(name) == truth]
        found.extend(name for _, name in sorted(words)[:1])
    return found
