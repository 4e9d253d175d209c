"""Single answers to a target of several labels a row: the probability of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stellwerk.tasks.counts import Array, lost

NOTHING = "none"


def losses(labels: Array, predictions: Array) -> Array:
    """Returns the mean over the labels of -ln of the probability that was given to what is true."""
    given = predictions.astype(np.float64)
    mean: Array = lost(np.where(labels > 0, given, 1 - given)).mean(axis=1)
    return mean


def said(label: Any, given: Array, classes: Sequence[str]) -> dict[str, Any]:
    """Returns the true labels, those that are more probable than not, and how certain the least certain of all is."""
    probabilities = np.asarray(given)
    sides = np.maximum(probabilities, 1 - probabilities)
    return {
        "actual": _named(np.asarray(label) > 0, classes),
        "predicted": _named(probabilities > 0.5, classes),
        "certainty": float(sides.min()),
    }


def _named(there: Array, classes: Sequence[str]) -> str:
    return ", ".join(classes[place] for place in np.flatnonzero(there)) or NOTHING
