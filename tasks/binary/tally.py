"""Binary targets: the model gives the probability of the positive class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stellwerk.tasks.binary.formulas import BinaryCounts
from stellwerk.tasks.counts import CLIP, Array, Sums
from stellwerk.tasks.curves import BUCKETS, CALIBRATION_BUCKETS, CURVE_POINTS, Ranking, buckets, calibration_rows
from stellwerk.tasks.formula import formulas
from stellwerk.tasks.intervals import Interval


def new_tally(classes: Sequence[str], threshold: float, wanted: Sequence[str], seed: int = 0) -> BinaryTally:  # noqa: ARG001
    """Returns an empty tally; all metrics come of the same counts, and there is no sample."""
    return BinaryTally(classes, threshold, wanted)


class BinaryTally:
    """Sums, confusion counts at one threshold and a histogram of probabilities for each slice."""

    def __init__(self, classes: Sequence[str], threshold: float, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)  # by name, as a tally travels between workers and a formula cannot
        formulas("binary", self._wanted)  # refuses now, and not when the rows are counted
        self.classes = list(classes)
        self.threshold = threshold
        self._sums = Sums(10)
        self._ranking = Ranking()
        self._histogram = np.zeros((3, BUCKETS + 2))

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds labels (0 or 1, [rows]) and probabilities of the positive class ([rows, 1])."""
        p = predictions.reshape(len(labels)).astype(np.float64)
        y = labels.astype(np.float64)
        positive, said = y > 0.5, p > self.threshold
        clipped = np.clip(p, CLIP, 1 - CLIP)
        loss = -np.where(positive, np.log(clipped), np.log1p(-clipped))
        columns = [np.ones_like(p), y, p, loss, said & positive, said & ~positive, ~said & positive]
        columns += [loss**2, p**2, p * y]
        for numbers in groups:
            self._sums.add(numbers, columns)
            self._ranking.add(numbers, p, positive)
        places = buckets(p)
        for index, weights in enumerate((None, y, p)):
            self._histogram[index] += np.bincount(places, weights=weights, minlength=BUCKETS + 2)

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns sums, confusion counts and histograms."""
        return {"sums": self._sums.table(slices), "histogram": self._histogram, **self._ranking.arrays()}

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds what another tally has."""
        self._sums.take(arrays["sums"], numbers)
        self._ranking.take(arrays, numbers)
        self._histogram += arrays["histogram"]

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice."""
        return self._sums.table(slices)[:, 0].astype(np.int64)

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns every standard metric of a binary target for each slice."""
        counts = self._counted(slices)
        return {name: formula.value(counts) for name, formula in formulas("binary", self._wanted).items()}

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns where each of them lies with 95 % confidence."""
        counts = self._counted(slices)
        return {name: formula.interval(counts) for name, formula in formulas("binary", self._wanted).items()}

    def _counted(self, slices: int) -> BinaryCounts:
        return BinaryCounts(self._ranking.areas(slices), *self._sums.table(slices).T)

    def confusions(self, slices: int) -> list[Array]:
        """Returns for each slice (label, prediction, count) at the threshold."""
        n, _, _, _, tp, fp, fn, *_ = self._sums.table(slices).T.astype(np.int64)
        cells = np.stack([n - tp - fp - fn, fp, fn, tp], axis=1)
        places = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        return [np.column_stack([places, row]) for row in cells]

    def details(self) -> dict[str, Any]:
        """Returns the curves and the confusion matrix of the whole split."""
        cells = self.confusions(1)[0][:, 2]
        curves: dict[str, Any] = self._ranking.curve(CURVE_POINTS)
        curves["calibration"] = self._calibration()
        return {
            "curves": curves,
            "confusion": {
                "classes": self.classes,
                "counts": cells.reshape(2, 2).tolist(),
                "threshold": self.threshold,
            },
        }

    def _calibration(self) -> list[dict[str, float]]:
        """Returns buckets of about as many examples each, by rising prediction."""
        examples = self._histogram[0]
        middle = (np.cumsum(examples) - examples / 2) / max(examples.sum(), 1)
        places = np.minimum((middle * CALIBRATION_BUCKETS).astype(np.int64), CALIBRATION_BUCKETS - 1)
        sums = [np.bincount(places, weights=row, minlength=CALIBRATION_BUCKETS) for row in self._histogram]
        return calibration_rows(*sums)
