"""Where a metric lies with 95 % confidence, as the split has only so many examples; from sums and counts, for all slices at once.

Variances are those of the delta method over a multinomial sample, but for shares (Wilson, 1927), the area under the ROC curve
(Hanley and McNeil, 1982) and that under the precision-recall curve (the logit interval of Boyd, Eng and Page, 2013).
"""

from __future__ import annotations

import numpy as np

from stellwerk.tasks.counts import Array, ratio

Z = 1.959964
"""Of the normal distribution, 95 % is so many deviations around the mean or nearer."""

Interval = tuple[Array, Array]
"""Lower and upper end, float64 [slices]; NaN where there is none."""


def normal(value: Array, variance: Array, low: float = -np.inf, high: float = np.inf) -> Interval:
    """Returns the interval of a mean, within what the metric can be."""
    half = Z * np.sqrt(np.maximum(variance, 0.0))
    return np.maximum(value - half, low), np.minimum(value + half, high)


def wilson(hits: Array, tries: Array) -> Interval:
    """Returns the interval of a share."""
    share = ratio(hits, tries)
    scale = 1 + ratio(np.full_like(tries, Z**2), tries)
    middle = (share + ratio(np.full_like(tries, Z**2 / 2), tries)) / scale
    half = Z * np.sqrt(ratio(share * (1 - share), tries) + ratio(np.full_like(tries, Z**2 / 4), tries**2)) / scale
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def mean(total: Array, squares: Array, n: Array) -> Interval:
    """Returns the interval of a mean from the sums of its values and of their squares."""
    value = ratio(total, n)
    return normal(value, ratio(ratio(squares, n) - value**2, n))


def of_ratio(above: Array, below: Array, squares: Array, products: Array, squares_below: Array) -> Interval:
    """Returns the interval of a ratio of two sums over the same rows, from sums of squares and products."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = above / below
        return normal(value, (squares - 2 * value * products + value**2 * squares_below) / below**2)


def area_roc(area: Array, positives: Array, negatives: Array) -> Interval:
    """Returns the interval of the area under the ROC curve."""
    one, both = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (one - area**2) + (negatives - 1) * (both - area**2)
    return normal(area, ratio(spread, positives * negatives), 0.0, 1.0)


def area_pr(area: Array, positives: Array) -> Interval:
    """Returns the interval of the area under the precision-recall curve."""
    inner = np.clip(area, 1e-6, 1 - 1e-6)
    middle = np.log(inner / (1 - inner))
    half = Z * np.sqrt(ratio(np.ones_like(inner), positives * inner * (1 - inner)))
    low, high = (1 / (1 + np.exp(np.clip(end, -50, 50))) for end in (half - middle, -half - middle))
    return np.where(np.isfinite(area), low, np.nan), np.where(np.isfinite(area), high, np.nan)
