"""Targets that are quantities: the model gives a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stellwerk.tasks.counts import Array, Sums
from stellwerk.tasks.curves import CALIBRATION_BUCKETS, calibration_rows
from stellwerk.tasks.formula import formulas
from stellwerk.tasks.intervals import Interval
from stellwerk.tasks.regression.formulas import RegressionCounts

SAMPLE = 20_000
"""Rows kept, at random, for histograms and quantiles; all rows count in the metrics."""

GRID = 30


def new_tally(classes: Sequence[str], threshold: float, wanted: Sequence[str], seed: int = 0) -> RegressionTally:  # noqa: ARG001
    """Returns an empty tally; a quantity has no classes and no threshold."""
    return RegressionTally(wanted, seed)


class RegressionTally:
    """Sums for each slice, and a sample of the whole split for what needs single values."""

    def __init__(self, wanted: Sequence[str], seed: int = 0) -> None:
        self._wanted = tuple(wanted)  # by name, as a tally travels between workers and a formula cannot
        formulas("regression", self._wanted)  # refuses now, and not when the rows are counted
        self._sums = Sums(9)
        self._centre: float | None = None
        self._largest = 0.0
        self._sample = np.zeros((3, 0))
        self._random = np.random.default_rng(seed)

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds labels ([rows]) and predictions ([rows, 1]). Squares are of distances from the first labels' mean."""
        y = labels.astype(np.float64)
        p = predictions.reshape(len(labels)).astype(np.float64)
        if y.size and self._centre is None:
            self._centre = float(y.mean())
        off, error = y - (self._centre or 0.0), p - y
        columns = [np.ones_like(y), off, p, np.abs(error), error**2, off**2]
        columns += [error**4, p**2, p * off]
        for numbers in groups:
            self._sums.add(numbers, columns)
        if y.size:
            self._largest = max(self._largest, float(np.abs(error).max()))
            self._keep(np.stack([self._random.random(y.size), y, p]))

    def _keep(self, rows: Array) -> None:
        """Keeps the rows with the smallest of random numbers: a uniform sample of all rows so far."""
        together = np.concatenate([self._sample, rows], axis=1)
        if together.shape[1] > SAMPLE:
            together = together[:, np.argpartition(together[0], SAMPLE)[:SAMPLE]]
        self._sample = together

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns sums, what they are taken around, and the sample."""
        centre = [] if self._centre is None else [self._centre]
        return {
            "sums": self._sums.table(slices),
            "centre": np.array(centre),
            "largest": np.array(self._largest),
            "sample": self._sample,
        }

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds what another tally has; its sums are moved from around its centre to around this one's."""
        if not arrays["centre"].size:
            return
        centre = float(arrays["centre"][0])
        self._centre = centre if self._centre is None else self._centre
        n, off, p, absolute, squared, off2, fourth, p2, p_off = arrays["sums"].T
        moved = centre - self._centre
        columns = [n, off + moved * n, p, absolute, squared, off2 + 2 * moved * off + moved**2 * n]
        columns += [fourth, p2, p_off + moved * p]
        self._sums.take(np.column_stack(columns), numbers)
        self._largest = max(self._largest, float(arrays["largest"]))
        self._keep(arrays["sample"])

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice."""
        return self._sums.table(slices)[:, 0].astype(np.int64)

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns every standard metric of a quantity for each slice; r2 is the coefficient of determination."""
        counts = self._counted(slices)
        return {name: formula.value(counts) for name, formula in formulas("regression", self._wanted).items()}

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns where each of them lies with 95 % confidence; the spread of the labels counts as known."""
        counts = self._counted(slices)
        return {name: formula.interval(counts) for name, formula in formulas("regression", self._wanted).items()}

    def _counted(self, slices: int) -> RegressionCounts:
        return RegressionCounts(self._centre or 0.0, *self._sums.table(slices).T)

    def confusions(self, slices: int) -> list[Array]:
        """A quantity has no confusion matrix."""
        return [np.zeros((0, 3), np.int64)] * slices

    def details(self) -> dict[str, Any]:
        """Returns the histogram of predicted against actual values, residuals and calibration, of the whole split."""
        _, y, p = self._sample
        residuals = p - y
        n, off, total, _, squared, *_ = self._sums.table(1)[0]
        mean = (total - off) / n - (self._centre or 0.0)
        quantiles = np.quantile(residuals, [0.05, 0.25, 0.5, 0.75, 0.95])
        names = ("p05", "p25", "p50", "p75", "p95")
        counts, actual, predicted = np.histogram2d(y, p, bins=GRID)
        return {
            "curves": {"calibration": _calibration(y, p)},
            "regression": {
                "sampled": int(y.size),
                "histogram": {
                    "actual_edges": actual.tolist(),
                    "predicted_edges": predicted.tolist(),
                    "counts": counts.astype(np.int64).tolist(),
                },
                "residuals": {
                    "mean": float(mean),
                    "deviation": float(np.sqrt(max(squared / n - mean**2, 0.0))),
                    "largest": self._largest,
                    **dict(zip(names, quantiles.tolist(), strict=True)),
                },
            },
        }


def _calibration(y: Array, p: Array) -> list[dict[str, float]]:
    order = np.argsort(p, kind="stable")
    place = np.arange(p.size) * CALIBRATION_BUCKETS // max(p.size, 1)
    sums = [
        np.bincount(place, weights=row, minlength=CALIBRATION_BUCKETS) for row in (np.ones(p.size), y[order], p[order])
    ]
    return calibration_rows(*sums)
