"""The label of a target of several classes: the place of its class among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.tasks.classes import ClassAnswers, class_names, numbered, says, several
from stellwerk.tasks.counts import Array
from stellwerk.tasks.labels import Labels, counted

if TYPE_CHECKING:
    from stellwerk.spec.target import Target

MOST_CLASSES = 10_000


def answers(target: Target) -> ClassAnswers:
    """Returns what takes the target's column over all splits."""
    return ClassAnswers(target, find_classes)


def find_classes(counts: Counter[str], target: Target) -> list[str]:
    """Returns the classes, sorted. Raises DataError for one class only, or too many."""
    names = several(counts, target)
    if len(names) > MOST_CLASSES:
        what = f"has {len(names)} classes, more than {MOST_CLASSES}. Is it a quantity?"
        raise DataError.of_key("target", says(target, what))
    return names


def encode(column: pa.Array, classes: Sequence[str]) -> Array:
    """Returns the class of each row, int64; -1 for what is missing or none of them."""
    return numbered(class_names(column), classes)


def known(labels: Array) -> Array:
    """Returns which labels are one."""
    return labels >= 0


def measured(batches: Iterable[Array], target: Target, classes: Sequence[str]) -> Labels:
    """Returns how often each class occurs in the train split."""
    return counted(batches, target.column, classes)


def trivial(labels: Labels) -> list[float]:
    """Returns the share of each class."""
    shares: list[float] = (labels.counts / labels.rows).tolist()
    return shares
