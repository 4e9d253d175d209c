"""ROC and precision-recall curves and the areas under them, from counts at TFMA's 10,000 thresholds.

TFMA sorts predictions into 10,000 buckets of equal width and then reads the confusion matrices at 10,000 thresholds from
them (`tensorflow_model_analysis/metrics/{calibration_histogram,binary_confusion_matrices,confusion_matrix_metrics}.py`).
Between two occupied buckets nothing changes, so the areas need the occupied buckets only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stellwerk.tasks.counts import Array, SparseCounts

CURVE_POINTS = 200
CALIBRATION_BUCKETS = 20

BUCKETS = 10_000
_THRESHOLDS = 10_000
_EPSILON = 1e-7
_SPAN = 2 * _THRESHOLDS


def _bins_of_buckets() -> Array:
    """Returns for each of TFMA's buckets the threshold interval that TFMA's `rebin` puts it in.

    The last interval begins above 1, where TFMA counts nothing as positive: what falls in it belongs to the one before.
    """
    inner = np.arange(1, _THRESHOLDS - 1) / (_THRESHOLDS - 1)
    thresholds = np.concatenate([[0.0], inner + _EPSILON, [1.0 + 2 * _EPSILON]])
    starts = np.concatenate([[-np.inf], np.arange(BUCKETS) / BUCKETS, [np.inf]])
    bins: Array = np.clip(np.searchsorted(thresholds, starts, side="right") - 1, 0, _THRESHOLDS - 2)
    return bins


_BINS = _bins_of_buckets()


def buckets(predictions: Array) -> Array:
    """Returns the number of TFMA's bucket for each prediction (int64, 0 to 10,001)."""
    places = np.trunc(predictions.astype(np.float64) * BUCKETS + 1)
    numbers: Array = np.clip(places, 0, BUCKETS + 1).astype(np.int64)
    return numbers


class Ranking:
    """Counts positives and negatives by slice and threshold interval."""

    def __init__(self) -> None:
        self._counts = SparseCounts()

    def add(self, numbers: Array, predictions: Array, positive: Array) -> None:
        """Counts predictions (float) of the slices `numbers` with their truth (bool); all of one shape."""
        self._counts.add(numbers * _SPAN + 2 * _BINS[buckets(predictions)] + positive)

    def arrays(self) -> dict[str, Array]:
        """Returns everything that was counted."""
        keys, counts = self._counts.items()
        return {"ranking_keys": keys, "ranking_counts": counts}

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds the `arrays` of another ranking, whose slices have the `numbers` here."""
        slices, rest = np.divmod(arrays["ranking_keys"], _SPAN)
        self._counts.take(numbers[slices] * _SPAN + rest, arrays["ranking_counts"])

    def areas(self, slices: int) -> tuple[Array, Array]:
        """Returns the areas under the ROC and the precision-recall curve of each slice (float64 [slices]).

        NaN where they are not defined: ROC needs both classes, precision-recall a positive. (TFMA gives 0 there, which would
        look like the worst of models.)
        """
        steps = _Steps(*self._counts.items(), slices)
        return steps.area_roc(), steps.area_pr()

    def curve(self, points: int) -> dict[str, list[Any]]:
        """Returns the curves of the whole split: ROC [[fpr, tpr]] and precision-recall [[recall, precision]].

        `thresholds` has for each point of the ROC curve the probability from which an example counts as positive; the first
        is 1, where none does.
        """
        keys, counts = self._counts.items()
        first = keys < _SPAN
        steps = _Steps(keys[first], counts[first], 1)
        tp, fp = np.append(steps.tp, 0)[::-1], np.append(steps.fp, 0)[::-1]
        positives, negatives = tp[-1], fp[-1]
        curves: dict[str, list[Any]] = {"roc": [], "thresholds": [], "pr": []}
        if positives and negatives:
            kept = _thinned(fp / negatives, tp / positives, points)
            curves["roc"] = _pairs(fp / negatives, tp / positives, kept)
            curves["thresholds"] = np.append(steps.starts, 1.0)[::-1][kept].tolist()
        if positives:
            some = tp + fp > 0
            recall, precision = tp[some] / positives, tp[some] / (tp + fp)[some]
            curves["pr"] = _pairs(recall, precision, _thinned(recall, precision, points))
        return curves


class _Steps:
    """The occupied intervals of all slices, ascending: counts at and above each (tp, fp) and above it (next_*)."""

    def __init__(self, keys: Array, counts: Array, slices: int) -> None:
        places, positive = np.divmod(keys, 2)
        present, index = np.unique(places, return_inverse=True)
        pairs = np.zeros((present.size, 2), np.int64)
        np.add.at(pairs, (index.reshape(-1), positive), counts)
        self.slice = present // _THRESHOLDS
        self.starts = (present % _THRESHOLDS) / (_THRESHOLDS - 1)
        self.slices = slices
        totals = np.zeros((slices, 2), np.int64)
        np.add.at(totals, self.slice, pairs)
        ends = np.cumsum(totals, axis=0)[self.slice] if present.size else pairs
        above = ends - np.cumsum(pairs, axis=0)
        self.next_fp, self.next_tp = above.T.astype(np.float64)
        self.fp, self.tp = (above + pairs).T.astype(np.float64)
        self.negatives, self.positives = totals.T.astype(np.float64)

    def area_roc(self) -> Array:
        """Trapezoids: the width in false positives times the mean height in true positives."""
        doubled = (self.fp - self.next_fp) * (self.tp + self.next_tp)
        both = self.negatives * self.positives
        return _where(both > 0, self._by_slice(doubled) / np.maximum(2 * both, 1))

    def area_pr(self) -> Array:
        """Interpolates true positives, not precision, within an interval (Davis & Goadrich, 2006), as TFMA does."""
        p, next_p = self.tp + self.fp, self.next_tp + self.next_fp
        dtp = self.tp - self.next_tp
        slope = dtp / (p - next_p)
        intercept = self.next_tp - slope * next_p
        ratio = np.where(next_p > 0, p / np.maximum(next_p, 1), 1.0)
        area = self._by_slice(slope * (dtp + intercept * np.log(ratio)))
        return _where(self.positives > 0, area / np.maximum(self.positives, 1))

    def _by_slice(self, values: Array) -> Array:
        return np.bincount(self.slice, weights=values, minlength=self.slices)


def _where(defined: Array, values: Array) -> Array:
    return np.where(defined, values, np.nan)


def _thinned(x: Array, y: Array, points: int) -> Array:
    """Returns which points to keep: at most `points`, evenly spread along the curve, and always its ends."""
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0.0, length[-1], points)
    keep = np.unique(np.clip(np.searchsorted(length, wanted), 0, x.size - 1))
    kept: Array = np.unique(np.concatenate([[0], keep[1:-1], [x.size - 1]]))
    return kept


def _pairs(x: Array, y: Array, kept: Array) -> list[list[float]]:
    return [[float(a), float(b)] for a, b in zip(x[kept], y[kept], strict=True)]


def calibration_rows(examples: Array, labels: Array, predictions: Array) -> list[dict[str, float]]:
    """Returns the mean prediction and label of each bucket that has examples, from sums."""
    return [
        {"mean_prediction": float(p / n), "mean_label": float(y / n), "examples": int(n)}
        for n, y, p in zip(examples, labels, predictions, strict=True)
        if n > 0
    ]
