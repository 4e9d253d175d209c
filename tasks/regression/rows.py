"""Single answers to a target that is a quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stellwerk.tasks.counts import Array


def losses(labels: Array, predictions: Array) -> Array:
    """Returns the squared error of each row."""
    squared: Array = (predictions.astype(np.float64)[:, 0] - labels) ** 2
    return squared


def said(label: Any, given: Array, classes: Sequence[str]) -> dict[str, Any]:  # noqa: ARG001 - there are none
    """Returns both numbers; nothing says how certain the model is."""
    return {"actual": float(label), "predicted": float(given[0]), "certainty": None}
