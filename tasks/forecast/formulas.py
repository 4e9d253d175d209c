"""Metrics of forecasts, from sums over the rows of each slice of what is a mean over the steps of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stellwerk.tasks.counts import Array, ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import Interval, mean, normal


@dataclass(frozen=True)
class ForecastCounts:
    """Sums of each slice (float64 [slices]): rows, and of each measure its values and their squares; and the scale of MASE."""

    n: Array
    absolute: Array
    absolute2: Array
    squared: Array
    squared2: Array
    relative: Array
    relative2: Array
    pinball: Array
    pinball2: Array
    scale: float = float("nan")
    """Mean absolute error of the naive forecast of one step in the train split; NaN where it is not known."""


def _mase_interval(of: ForecastCounts) -> Interval:
    low, high = mean(of.absolute, of.absolute2, of.n)
    return low / of.scale, high / of.scale


def _rmse_interval(of: ForecastCounts) -> Interval:
    mse = ratio(of.squared, of.n)
    variance = ratio(ratio(of.squared2, of.n) - mse**2, of.n)
    return normal(np.sqrt(mse), ratio(variance, 4 * mse), 0.0)


MAE = Formula[ForecastCounts](lambda of: ratio(of.absolute, of.n), lambda of: mean(of.absolute, of.absolute2, of.n))
MSE = Formula[ForecastCounts](lambda of: ratio(of.squared, of.n), lambda of: mean(of.squared, of.squared2, of.n))
RMSE = Formula[ForecastCounts](lambda of: np.sqrt(ratio(of.squared, of.n)), _rmse_interval)
MASE = Formula[ForecastCounts](lambda of: ratio(of.absolute, of.n) / of.scale, _mase_interval)
"""Mean absolute scaled error (Hyndman and Koehler, 2006): 1 is as good as the naive forecast of one step was in the train split."""
SMAPE = Formula[ForecastCounts](lambda of: ratio(of.relative, of.n), lambda of: mean(of.relative, of.relative2, of.n))
"""Symmetric mean absolute percentage error, 2 |y - p| / (|y| + |p|): 0 to 2; 0 where both are 0."""
PINBALL = Formula[ForecastCounts](lambda of: ratio(of.pinball, of.n), lambda of: mean(of.pinball, of.pinball2, of.n))
"""Mean over the quantiles of max(q (y - p), (q - 1) (y - p)) (Koenker and Bassett, 1978); of the median alone it is half the MAE."""
