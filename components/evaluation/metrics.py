"""The standard metrics: which targets each suits, which way it points, and the TFMA metric that it equals.

A metric under any other name is computed by TFMA itself, see `tfma_beam.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from stellwerk.errors import DataError, did_you_mean, listed
from stellwerk.spec.evaluate import STANDARD_METRICS, Evaluate, Requirement
from stellwerk.spec.target import Target

Direction = Literal["higher", "lower", "one"]


@dataclass(frozen=True)
class Standard:
    """A standard metric: TFMA's (or Keras's) class for each target type that it suits, and what is better."""

    tfma: Mapping[str, str]
    better: Direction = "higher"


_QUANTITY = ("binary", "regression")

STANDARD: dict[str, Standard] = {
    "auc": Standard({"binary": "AUC", "multiclass": "AUC"}),
    "auc_pr": Standard({"binary": "AUCPrecisionRecall", "multiclass": "AUCPrecisionRecall"}),
    "accuracy": Standard({"binary": "BinaryAccuracy", "multiclass": "SparseCategoricalAccuracy"}),
    "precision": Standard({"binary": "Precision", "multiclass": "Precision"}),
    "recall": Standard({"binary": "Recall", "multiclass": "Recall"}),
    "f1": Standard({"binary": "F1Score", "multiclass": "F1Score"}),
    "log_loss": Standard(
        {"binary": "BinaryCrossEntropy", "multiclass": "SparseCategoricalCrossentropy"}, better="lower"
    ),
    "calibration": Standard(dict.fromkeys(_QUANTITY, "Calibration"), better="one"),
    "mean_prediction": Standard(dict.fromkeys(_QUANTITY, "MeanPrediction")),
    "mean_label": Standard(dict.fromkeys(_QUANTITY, "MeanLabel")),
    "mse": Standard({"regression": "MeanSquaredError"}, better="lower"),
    "mae": Standard({"regression": "MeanAbsoluteError"}, better="lower"),
    "rmse": Standard({"regression": "RootMeanSquaredError"}, better="lower"),
    "r2": Standard({"regression": "R2Score"}),
}

DEFAULTS: dict[str, tuple[str, ...]] = {
    "binary": ("auc", "auc_pr", "accuracy", "precision", "recall", "log_loss", "calibration"),
    "multiclass": ("accuracy", "auc", "precision", "recall", "f1", "log_loss"),
    "regression": ("rmse", "mae", "r2", "calibration"),
}
"""What is measured when the spec names no metrics."""


_DESCRIBING = ("mean_prediction", "mean_label", "calibration")
"""What says what a model does, and not how good it is."""


def choose_metrics(settings: Evaluate, target: Target) -> tuple[list[str], list[str]]:
    """Returns the standard metrics and the others that are to be computed: those named and those required.

    Raises DataError for a standard metric that does not suit the target.
    """
    named = settings.metrics or DEFAULTS[target.type]
    chosen = list(dict.fromkeys([*named, *settings.require, main_metric(settings, target)]))
    for name in chosen:
        if name in STANDARD and target.type not in STANDARD[name].tfma:
            suits = [other for other in STANDARD_METRICS if target.type in STANDARD[other].tfma]
            raise DataError(
                f"evaluate: the metric '{name}' is for {' and '.join(STANDARD[name].tfma)} targets, and "
                f"'{target.column}' is {target.type}.{did_you_mean(name, suits)} For {target.type}: {', '.join(suits)}."
            )
    return [name for name in chosen if name in STANDARD], [name for name in chosen if name not in STANDARD]


def main_metric(settings: Evaluate, target: Target) -> str:
    """Returns the metric by which a model is compared where the spec names none: the first that points one way."""
    named = [name for name in settings.metrics or () if name in STANDARD and name not in _DESCRIBING]
    return (named or DEFAULTS[target.type])[0]


def gain(metric: str, value: float, baseline: float) -> float:
    """Returns how much better `value` is than `baseline`; positive is better whichever way the metric points."""
    better = STANDARD[metric].better if metric in STANDARD else "higher"
    if better == "one":
        return abs(baseline - 1.0) - abs(value - 1.0)
    return baseline - value if better == "lower" else value - baseline


def check_slices(slices: Iterable[tuple[str, ...]], columns: Mapping[str, str]) -> None:
    """Raises DataError for a slice column that the examples lack, or that has no distinct values to slice by."""
    for column in dict.fromkeys(name for names in slices for name in names):
        if column not in columns:
            raise DataError(
                f"evaluate.slices: there is no column '{column}'.{did_you_mean(column, columns)} "
                f"Columns: {listed(columns)}."
            )
        if columns[column] in ("float", "binary"):
            raise DataError(
                f"evaluate.slices: column '{column}' holds {columns[column]} values, which are rarely equal: slices are made "
                "of strings and whole numbers. Make ranges of it in data.query (e.g. CAST(x / 100 AS BIGINT) AS x_100)."
            )


def check_requirements(require: Mapping[str, Requirement], slices: tuple[tuple[str, ...], ...]) -> None:
    """Raises DataError for a requirement on slices when there are none to require it of."""
    for metric, requirement in require.items():
        if requirement.per_slice is not None and not slices:
            raise DataError(
                f"evaluate.require.{metric}.per_slice: there are no slices to ask it of. Name columns in evaluate.slices."
            )


def ratio(numerator: np.ndarray[Any, Any], denominator: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Divides; NaN, without a warning, where the denominator is not positive: the metric is not defined there."""
    undefined = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)
