"""Metrics of targets with several classes, from sums over the rows of each slice and the cells of its confusion matrix.

AUC and AUC-PR are micro averages: every class against the rest, pooled. Precision, recall and F1 are macro averages of the most
probable class, over the classes that occur in a slice's labels or predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stellwerk.tasks.counts import Array, ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import Interval, area_pr, area_roc, mean, normal, wilson


class Classes:
    """Counts of each class of each slice that occurs there (float64 [occurring]), and averages over them."""

    def __init__(self, cells: tuple[Array, Array, Array, Array], classes: int, slices: int) -> None:
        """Takes slice number, label, prediction and count of each cell."""
        self._numbers, labels, said, self._counts = cells
        labelled, predicted = self._numbers * classes + labels, self._numbers * classes + said
        present = np.unique(np.concatenate([labelled, predicted]))
        self.row, self.column = np.searchsorted(present, labelled), np.searchsorted(present, predicted)
        """Where the class of a cell's label, and of its prediction, is among those that occur."""
        self.right = labels == said
        """Whether a cell is on the diagonal."""
        self._slices, self._slice = slices, present // classes
        self._occurring = np.bincount(self._slice, minlength=slices).astype(np.float64)

        def by_class(places: Array, weights: Array) -> Array:
            return np.bincount(places, weights=weights, minlength=present.size)

        self.hits = by_class(self.row, np.where(self.right, self._counts, 0))
        self.support, self.claimed = by_class(self.row, self._counts), by_class(self.column, self._counts)

    def average(self, values: Array) -> Array:
        """Returns the mean over the classes of each slice."""
        return ratio(np.bincount(self._slice, values, minlength=self._slices), self._occurring)

    def interval(self, values: Array, slopes: Array) -> Interval:
        """Returns that of the mean, by its slope at the count of each cell."""
        spread = np.bincount(self._numbers, self._counts * slopes**2, minlength=self._slices)
        return normal(self.average(values), ratio(spread, self._occurring**2), 0.0, 1.0)


@dataclass(frozen=True)
class MulticlassCounts:
    """Sums of each slice (float64 [slices]): rows, losses, right ones, squares; and the cells of its confusion matrix."""

    areas: tuple[Array, Array]
    """Under the ROC and the precision-recall curve of all classes against the rest; NaN where they were not counted."""
    cells: tuple[Array, Array, Array, Array]
    size: int
    """Number of classes."""
    n: Array
    loss: Array
    correct: Array
    loss2: Array

    @cached_property
    def classes(self) -> Classes:
        """The cells, put together by class."""
        return Classes(self.cells, self.size, len(self.n))


def _macro(share: Callable[[Classes], Array], slopes: Callable[[Classes, Array], Array]) -> Formula[MulticlassCounts]:
    """Returns a formula that averages a share of each class; `slopes` are those of the share at each cell."""

    def shares(of: Classes) -> Array:
        return np.nan_to_num(share(of))

    return Formula(
        lambda of: of.classes.average(shares(of.classes)),
        lambda of: of.classes.interval(shares(of.classes), slopes(of.classes, shares(of.classes))),
    )


def _f1_slopes(of: Classes, f1: Array) -> Array:
    both = of.support + of.claimed
    return ratio(of.right - f1[of.row], both[of.row]) + ratio(of.right - f1[of.column], both[of.column])


AUC = Formula[MulticlassCounts](lambda of: of.areas[0], lambda of: area_roc(of.areas[0], of.n, of.n * (of.size - 1)))
AUC_PR = Formula[MulticlassCounts](lambda of: of.areas[1], lambda of: area_pr(of.areas[1], of.n))
ACCURACY = Formula[MulticlassCounts](lambda of: ratio(of.correct, of.n), lambda of: wilson(of.correct, of.n))
PRECISION = _macro(
    lambda of: ratio(of.hits, of.claimed),
    lambda of, precision: ratio(of.right - precision[of.column], of.claimed[of.column]),
)
RECALL = _macro(
    lambda of: ratio(of.hits, of.support), lambda of, recall: ratio(of.right - recall[of.row], of.support[of.row])
)
F1 = _macro(lambda of: ratio(2 * of.hits, of.support + of.claimed), _f1_slopes)
LOG_LOSS = Formula[MulticlassCounts](lambda of: ratio(of.loss, of.n), lambda of: mean(of.loss, of.loss2, of.n))
