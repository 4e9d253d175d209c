"""Metrics of targets of several labels a row, from sums over the rows of each slice and counts of each label.

Precision, recall and F1 are micro averages: all labels of all rows, pooled, at one threshold. AUC, AUC-PR and macro F1 are means
over the labels that occur in a slice. Intervals of micro averages take the row as the unit, as labels of a row are not
independent; those of macro averages take labels to be so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stellwerk.tasks.counts import Array, ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import Interval, Z, area_pr, area_roc, mean, normal, of_ratio, wilson


@dataclass(frozen=True)
class LabelCounts:
    """Counts of each label of each slice (float64 [slices, labels]): rows that have it, of which it was said, and both; areas."""

    true: Array
    said: Array
    hits: Array
    roc: Array
    pr: Array

    @property
    def f1(self) -> Array:
        """Of each label; NaN for one that neither occurs nor was said."""
        return ratio(2 * self.hits, self.true + self.said)


@dataclass(frozen=True)
class MultilabelCounts:
    """Sums of each slice (float64 [slices]) over its rows, of which each has labels that are true, that were said, and hits."""

    labels: LabelCounts
    n: Array
    loss: Array
    loss2: Array
    exact: Array
    wrong: Array
    wrong2: Array
    hits: Array
    said: Array
    true: Array
    hits2: Array
    said2: Array
    true2: Array
    hits_said: Array
    hits_true: Array
    said_true: Array


def average(values: Array) -> Array:
    """Returns the mean of each slice over the labels of which there is a value."""
    there = np.isfinite(values)
    return ratio(np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _of_averages(values: Array, variances: Array) -> Interval:
    """Returns the interval of a mean over labels, from the variance of each."""
    there = np.isfinite(values)
    spread = np.where(there, np.nan_to_num(variances), 0.0).sum(axis=1)
    return normal(average(values), ratio(spread, there.sum(axis=1).astype(np.float64) ** 2), 0.0, 1.0)


def _variance(interval: Interval) -> Array:
    return ((interval[1] - interval[0]) / (2 * Z)) ** 2


def _auc(of: MultilabelCounts) -> Interval:
    labels = of.labels
    return _of_averages(labels.roc, _variance(area_roc(labels.roc, labels.true, of.n[:, None] - labels.true)))


def _auc_pr(of: MultilabelCounts) -> Interval:
    return _of_averages(of.labels.pr, _variance(area_pr(of.labels.pr, of.labels.true)))


def _f1_macro(of: MultilabelCounts) -> Interval:
    tp, wrong = of.labels.hits, of.labels.true + of.labels.said - 2 * of.labels.hits
    return _of_averages(of.labels.f1, ratio(4 * tp * wrong * (tp + wrong), (2 * tp + wrong) ** 4))


def _f1(of: MultilabelCounts) -> Interval:
    both2 = of.said2 + 2 * of.said_true + of.true2
    return _share(2 * of.hits, of.said + of.true, 4 * of.hits2, 2 * (of.hits_said + of.hits_true), both2)


def _share(*sums: Array) -> Interval:
    low, high = of_ratio(*sums)
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


AUC = Formula[MultilabelCounts](lambda of: average(of.labels.roc), _auc)
AUC_PR = Formula[MultilabelCounts](lambda of: average(of.labels.pr), _auc_pr)
ACCURACY = Formula[MultilabelCounts](lambda of: ratio(of.exact, of.n), lambda of: wilson(of.exact, of.n))
"""The share of rows of which every label is right."""
PRECISION = Formula[MultilabelCounts](
    lambda of: ratio(of.hits, of.said), lambda of: _share(of.hits, of.said, of.hits2, of.hits_said, of.said2)
)
RECALL = Formula[MultilabelCounts](
    lambda of: ratio(of.hits, of.true), lambda of: _share(of.hits, of.true, of.hits2, of.hits_true, of.true2)
)
F1 = Formula[MultilabelCounts](lambda of: ratio(2 * of.hits, of.said + of.true), _f1)
F1_MACRO = Formula[MultilabelCounts](lambda of: average(of.labels.f1), _f1_macro)
HAMMING_LOSS = Formula[MultilabelCounts](lambda of: ratio(of.wrong, of.n), lambda of: mean(of.wrong, of.wrong2, of.n))
"""The share of all labels of all rows that are wrong."""
LOG_LOSS = Formula[MultilabelCounts](lambda of: ratio(of.loss, of.n), lambda of: mean(of.loss, of.loss2, of.n))
