"""Metrics of binary targets, from sums over the rows of each slice and the confusion counts at one threshold."""

from __future__ import annotations

from dataclasses import dataclass

from stellwerk.tasks.counts import Array, ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import Interval, area_pr, area_roc, mean, normal, of_ratio, wilson


@dataclass(frozen=True)
class BinaryCounts:
    """Sums of each slice (float64 [slices]): rows, labels, probabilities, losses, confusion counts, squares, products."""

    areas: tuple[Array, Array]
    """Under the ROC and the precision-recall curve."""
    n: Array
    y: Array
    p: Array
    loss: Array
    tp: Array
    fp: Array
    fn: Array
    loss2: Array
    p2: Array
    py: Array

    @property
    def right(self) -> Array:
        """How many rows are on the right side of the threshold."""
        return self.n - self.fp - self.fn


def _f1(of: BinaryCounts) -> Array:
    return ratio(2 * of.tp, 2 * of.tp + of.fp + of.fn)


def _f1_interval(of: BinaryCounts) -> Interval:
    tp, wrong = of.tp, of.fp + of.fn
    return normal(_f1(of), ratio(4 * tp * wrong * (tp + wrong), (2 * tp + wrong) ** 4), 0.0, 1.0)


AUC = Formula[BinaryCounts](lambda of: of.areas[0], lambda of: area_roc(of.areas[0], of.y, of.n - of.y))
AUC_PR = Formula[BinaryCounts](lambda of: of.areas[1], lambda of: area_pr(of.areas[1], of.y))
ACCURACY = Formula[BinaryCounts](lambda of: ratio(of.right, of.n), lambda of: wilson(of.right, of.n))
PRECISION = Formula[BinaryCounts](lambda of: ratio(of.tp, of.tp + of.fp), lambda of: wilson(of.tp, of.tp + of.fp))
RECALL = Formula[BinaryCounts](lambda of: ratio(of.tp, of.tp + of.fn), lambda of: wilson(of.tp, of.tp + of.fn))
F1 = Formula[BinaryCounts](_f1, _f1_interval)
LOG_LOSS = Formula[BinaryCounts](lambda of: ratio(of.loss, of.n), lambda of: mean(of.loss, of.loss2, of.n))
CALIBRATION = Formula[BinaryCounts](lambda of: ratio(of.p, of.y), lambda of: of_ratio(of.p, of.y, of.p2, of.py, of.y))
MEAN_PREDICTION = Formula[BinaryCounts](lambda of: ratio(of.p, of.n), lambda of: mean(of.p, of.p2, of.n))
MEAN_LABEL = Formula[BinaryCounts](lambda of: ratio(of.y, of.n), lambda of: wilson(of.y, of.n))
