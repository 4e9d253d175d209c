"""What is known of the labels of the train split before anything learns from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stellwerk.errors import DataError

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Labels:
    """Of all rows of the train split."""

    rows: int
    counts: Numbers
    """Rows of each class, float64 [classes]; empty where there are none."""
    mean: float = 0.0
    """Of a quantity."""
    deviation: float = 1.0
    """Its standard deviation."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else of the train split or of the target an answer is made or judged with; a model carries it, as JSON."""


def counted(batches: Iterable[Numbers], column: str, classes: Sequence[str]) -> Labels:
    """Returns how often each class occurs. Raises DataError where only one does."""
    counts = np.zeros(len(classes), np.float64)
    for values in batches:
        counts += np.bincount(values.astype(np.int64), minlength=len(classes))
    seen = [name for name, count in zip(classes, counts, strict=True) if count]
    if len(seen) < 2:
        raise DataError(
            f"Column '{column}' has only the value '{seen[0]}' in the train split: there is nothing to learn. "
            "Check target.column and data.query, or change data.split so that every class is in the train split."
        )
    return Labels(int(counts.sum()), counts)


def spread(batches: Iterable[Numbers], column: str) -> Labels:
    """Returns mean and deviation of a quantity. Raises DataError where it is always the same.

    By Chan, Golub and LeVeque's update, which stays exact for values far from zero.
    """
    rows, mean, squares = 0, 0.0, 0.0
    for values in batches:
        if not len(values):
            continue
        ahead = float(values.mean()) - mean
        squares += float(np.square(values - values.mean()).sum()) + ahead**2 * rows * len(values) / (rows + len(values))
        rows += len(values)
        mean += ahead * len(values) / rows
    deviation = math.sqrt(squares / rows)
    if not deviation:
        raise DataError(
            f"Column '{column}' has only the value {mean:g} in the train split: there is nothing to learn. "
            "Check target.column and data.query."
        )
    return Labels(rows, np.empty(0), mean, deviation)
