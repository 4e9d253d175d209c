"""The table of metrics. One entry is all that anything here knows of a metric: no other module has a list of their names.

The spec takes the names, evaluate measures and compares, TFMA's files say what was measured, `check` says what cannot be met,
and the report gives titles: all from here. A formula is named by its import path, as this module is loaded where no
framework is. A metric under any other name, a TFMA class or a hook, is computed by TFMA itself and points up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "one", "none"]
"""What is better; of `none` nothing is: it says what a model does, and not how well."""

_FORMULAS = "stellwerk.components.evaluation.formulas"
BINARY, MULTICLASS, REGRESSION = (f"{_FORMULAS}.{task}" for task in ("binary", "multiclass", "regression"))


@dataclass(frozen=True)
class Scale:
    """What the numbers of a metric are, and between which bounds a model can bring them."""

    unit: str
    least: float | None = None
    most: float | None = None


SHARE = Scale("share", 0.0, 1.0)
NATS = Scale("nats", 0.0)
RATIO = Scale("ratio")
LABEL = Scale("that of the target")
DISTANCE = Scale("that of the target", 0.0)
SQUARE = Scale("that of the target, squared", 0.0)
EXPLAINED = Scale("share", None, 1.0)


@dataclass(frozen=True)
class Measure:
    """How a metric is measured for one type of target."""

    formula: str
    """Import path of its `Formula`, `module:NAME`."""
    tfma: str
    """The class of TFMA, or of Keras, that it equals."""
    usual: int = 0
    """Its place among those that are measured where the spec names none; 0 for none of them."""
    average: str = ""
    """How TFMA averages it over classes."""
    threshold: str = ""
    """The option of TFMA's class that `evaluate.threshold` goes to."""
    of_losses: Literal["", "mean", "root"] = ""
    """What of the mean loss of rows it is, for the metric by which columns are called important."""
    alike: Literal["", "share", "spread", "deviation"] = ""
    """What of the labels it is, for a model that answers the same for every row."""


@dataclass(frozen=True)
class Metric:
    """One metric, for all the types of target that it suits."""

    name: str
    title: str
    better: Direction
    scale: Scale
    measures: Mapping[str, Measure]
    """By type of target."""
    ranks: bool = False
    """Whether it is of the order of the rows: then it needs a histogram, and rows of two classes."""
    headline: int = 0
    """Its place among those that a page puts first where nothing is required; 0 for none of them."""


_LISTED = (
    Metric(
        "auc",
        "AUC",
        "higher",
        SHARE,
        {
            "binary": Measure(f"{BINARY}:AUC", "AUC", usual=1),
            "multiclass": Measure(f"{MULTICLASS}:AUC", "AUC", usual=2, average="micro_average"),
        },
        ranks=True,
        headline=1,
    ),
    Metric(
        "auc_pr",
        "PR AUC",
        "higher",
        SHARE,
        {
            "binary": Measure(f"{BINARY}:AUC_PR", "AUCPrecisionRecall", usual=2),
            "multiclass": Measure(f"{MULTICLASS}:AUC_PR", "AUCPrecisionRecall", average="micro_average"),
        },
        ranks=True,
    ),
    Metric(
        "accuracy",
        "Accuracy",
        "higher",
        SHARE,
        {
            "binary": Measure(f"{BINARY}:ACCURACY", "BinaryAccuracy", usual=3, threshold="threshold", alike="share"),
            "multiclass": Measure(f"{MULTICLASS}:ACCURACY", "SparseCategoricalAccuracy", usual=1, alike="share"),
        },
        headline=2,
    ),
    Metric(
        "precision",
        "Precision",
        "higher",
        SHARE,
        {
            "binary": Measure(f"{BINARY}:PRECISION", "Precision", usual=4, threshold="thresholds"),
            "multiclass": Measure(f"{MULTICLASS}:PRECISION", "Precision", usual=3, average="macro_average"),
        },
    ),
    Metric(
        "recall",
        "Recall",
        "higher",
        SHARE,
        {
            "binary": Measure(f"{BINARY}:RECALL", "Recall", usual=5, threshold="thresholds"),
            "multiclass": Measure(f"{MULTICLASS}:RECALL", "Recall", usual=4, average="macro_average"),
        },
    ),
    Metric(
        "f1",
        "F1",
        "higher",
        SHARE,
        {
            "binary": Measure(f"{BINARY}:F1", "F1Score", threshold="thresholds"),
            "multiclass": Measure(f"{MULTICLASS}:F1", "F1Score", usual=5, average="macro_average"),
        },
    ),
    Metric(
        "log_loss",
        "Log loss",
        "lower",
        NATS,
        {
            "binary": Measure(f"{BINARY}:LOG_LOSS", "BinaryCrossEntropy", usual=6, of_losses="mean"),
            "multiclass": Measure(f"{MULTICLASS}:LOG_LOSS", "SparseCategoricalCrossentropy", usual=6, of_losses="mean"),
        },
    ),
    Metric(
        "calibration",
        "Calibration",
        "one",
        RATIO,
        {
            "binary": Measure(f"{BINARY}:CALIBRATION", "Calibration", usual=7),
            "regression": Measure(f"{REGRESSION}:CALIBRATION", "Calibration", usual=4),
        },
    ),
    Metric(
        "mean_prediction",
        "Mean prediction",
        "none",
        LABEL,
        {
            "binary": Measure(f"{BINARY}:MEAN_PREDICTION", "MeanPrediction"),
            "regression": Measure(f"{REGRESSION}:MEAN_PREDICTION", "MeanPrediction"),
        },
    ),
    Metric(
        "mean_label",
        "Mean label",
        "none",
        LABEL,
        {
            "binary": Measure(f"{BINARY}:MEAN_LABEL", "MeanLabel"),
            "regression": Measure(f"{REGRESSION}:MEAN_LABEL", "MeanLabel"),
        },
    ),
    Metric(
        "mse",
        "MSE",
        "lower",
        SQUARE,
        {"regression": Measure(f"{REGRESSION}:MSE", "MeanSquaredError", alike="spread")},
    ),
    Metric(
        "mae",
        "MAE",
        "lower",
        DISTANCE,
        {"regression": Measure(f"{REGRESSION}:MAE", "MeanAbsoluteError", usual=2)},
        headline=5,
    ),
    Metric(
        "rmse",
        "RMSE",
        "lower",
        DISTANCE,
        {
            "regression": Measure(
                f"{REGRESSION}:RMSE", "RootMeanSquaredError", usual=1, of_losses="root", alike="deviation"
            )
        },
        headline=4,
    ),
    Metric(
        "r2",
        "R²",
        "higher",
        EXPLAINED,
        {"regression": Measure(f"{REGRESSION}:R2", "R2Score", usual=3)},
        headline=3,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _LISTED}
"""By name, in the order in which they are named to people."""

HEADLINES: tuple[str, ...] = tuple(
    metric.name for metric in sorted(_LISTED, key=lambda metric: metric.headline) if metric.headline
)
"""What a page puts first where nothing is required."""


def suiting(task: str) -> tuple[str, ...]:
    """Returns the metrics of a type of target, first those that no other has."""
    return tuple(sorted(measures(task), key=lambda name: len(METRICS[name].measures)))


def measures(task: str) -> dict[str, Measure]:
    """Returns how each metric that suits a type of target is measured for it."""
    return {metric.name: metric.measures[task] for metric in _LISTED if task in metric.measures}


def usual(task: str) -> tuple[str, ...]:
    """Returns what is measured when the spec names no metrics."""
    known = {name: measure.usual for name, measure in measures(task).items() if measure.usual}
    return tuple(sorted(known, key=lambda name: known[name]))


def of_losses(task: str) -> tuple[str, Measure]:
    """Returns the metric of a type of target that is made of the losses of rows alone."""
    return next((name, measure) for name, measure in measures(task).items() if measure.of_losses)


def measured(name: str, task: str) -> Measure | None:
    """Returns how a metric is measured for a type of target; None for one of TFMA's, a hook, or one that does not suit it."""
    return METRICS[name].measures.get(task) if name in METRICS else None


def direction(name: str) -> Direction:
    """Returns which way a metric points; one that is not of the table points up."""
    return METRICS[name].better if name in METRICS else "higher"


def bounds(name: str) -> tuple[float | None, float | None]:
    """Returns the least and the most that a metric can be; None where there is no such bound."""
    scale = METRICS[name].scale if name in METRICS else RATIO
    return scale.least, scale.most


def badness(name: str, value: float) -> float:
    """Returns a number that grows as `value` of a metric gets worse."""
    better = direction(name)
    if better == "one":
        return abs(value - 1.0)
    return value if better == "lower" else -value
