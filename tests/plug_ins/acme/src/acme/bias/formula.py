"""The value and the interval of the bias, from the counts that every task of quantities has: float64 [slices]."""

import numpy as np

from stellwerk.tasks.counts import ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import normal


def value(of):
    """Returns the distance of the two means."""
    return np.abs(ratio(of.p - of.y, of.n))


def interval(of):
    """Returns where it lies with 95 % confidence: the errors are spread as their squares say."""
    return normal(value(of), ratio(of.mse - value(of) ** 2, of.n), 0.0)


BIAS = Formula(value, interval)
