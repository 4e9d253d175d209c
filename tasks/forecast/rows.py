"""Single forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stellwerk.tasks.counts import Array

SHOWN = 6
"""Steps of a forecast that are written out."""


def middle(labels: Array, predictions: Array) -> Array:
    """Returns the middle one of the quantiles, [rows, steps], of predictions [rows, steps * quantiles]."""
    levels = predictions.reshape(len(labels), labels.shape[1], -1)
    point: Array = levels[:, :, levels.shape[2] // 2]
    return point


def losses(labels: Array, predictions: Array) -> Array:
    """Returns the mean absolute error of each row over its steps."""
    mean: Array = np.abs(middle(labels, predictions).astype(np.float64) - labels).mean(axis=1)
    return mean


def said(label: Any, given: Array, classes: Sequence[str]) -> dict[str, Any]:  # noqa: ARG001 - there are none
    """Returns both lists as texts; nothing says how certain the model is."""
    point = middle(np.asarray(label)[None], np.asarray(given)[None])[0]
    return {"actual": _written(label), "predicted": _written(point), "certainty": None}


def _written(values: Array) -> str:
    shown = ", ".join(f"{value:.5g}" for value in values[:SHOWN])
    return f"{shown}, ... ({len(values)} steps)" if len(values) > SHOWN else shown
