"""Metrics of targets that are quantities, from sums over the rows of each slice. Squares are of distances from a centre."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stellwerk.tasks.counts import Array, ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import Interval, mean, normal, of_ratio


@dataclass(frozen=True)
class RegressionCounts:
    """Sums of each slice (float64 [slices]) of labels `off` the centre, predictions, errors, their powers and products."""

    centre: float
    n: Array
    off: Array
    p: Array
    absolute: Array
    squared: Array
    off2: Array
    fourth: Array
    p2: Array
    p_off: Array

    @cached_property
    def y(self) -> Array:
        """Sums of the labels."""
        sums: Array = self.off + self.n * self.centre
        return sums

    @cached_property
    def y2(self) -> Array:
        """Sums of their squares."""
        sums: Array = self.off2 + 2 * self.centre * self.off + self.n * self.centre**2
        return sums

    @cached_property
    def py(self) -> Array:
        """Sums of labels times predictions."""
        sums: Array = self.p_off + self.centre * self.p
        return sums

    @cached_property
    def spread(self) -> Array:
        """Sums of the squared distances of the labels from their mean."""
        return self.off2 - ratio(self.off**2, self.n)

    @cached_property
    def mse(self) -> Array:
        """Means of the squared errors."""
        return ratio(self.squared, self.n)

    @cached_property
    def of_mse(self) -> Array:
        """Variances of those means."""
        return ratio(ratio(self.fourth, self.n) - self.mse**2, self.n)


def _r2(of: RegressionCounts) -> Array:
    """The coefficient of determination; none where all labels are the same."""
    negligible = of.spread <= 1e-12 * np.maximum(of.off2, 1e-300)
    return np.where(negligible, np.nan, 1 - ratio(of.squared, np.where(negligible, 0, of.spread)))


def _r2_interval(of: RegressionCounts) -> Interval:
    """The spread of the labels counts as known."""
    return normal(_r2(of), ratio(of.n**2 * of.of_mse, of.spread**2), high=1.0)


def _rmse_interval(of: RegressionCounts) -> Interval:
    return normal(np.sqrt(of.mse), ratio(of.of_mse, 4 * of.mse), 0.0)


def _calibration(of: RegressionCounts) -> Array:
    return np.where(np.isclose(of.y, 0), np.nan, of.p / np.where(of.y == 0, 1, of.y))


MSE = Formula[RegressionCounts](lambda of: of.mse, lambda of: normal(of.mse, of.of_mse, 0.0))
MAE = Formula[RegressionCounts](lambda of: ratio(of.absolute, of.n), lambda of: mean(of.absolute, of.squared, of.n))
RMSE = Formula[RegressionCounts](lambda of: np.sqrt(of.mse), _rmse_interval)
R2 = Formula[RegressionCounts](_r2, _r2_interval)
CALIBRATION = Formula[RegressionCounts](_calibration, lambda of: of_ratio(of.p, of.y, of.p2, of.py, of.y2))
MEAN_PREDICTION = Formula[RegressionCounts](lambda of: ratio(of.p, of.n), lambda of: mean(of.p, of.p2, of.n))
MEAN_LABEL = Formula[RegressionCounts](lambda of: ratio(of.y, of.n), lambda of: mean(of.y, of.y2, of.n))
