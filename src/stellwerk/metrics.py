"""The table of metrics. One entry is all that anything here knows of a metric, but how it is measured: that its tasks say.

The spec takes the names, evaluate compares, `check` says what cannot be met, and the report gives titles: all from here. The part
`metrics` of a task names the formula of each that suits it, see `stellwerk.tasks.measures`. A metric under any other name, a TFMA
class or a hook, is computed by TFMA itself and points up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "one", "none"]
"""What is better; of `none` nothing is: it says what a model does, and not how well."""


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
class Metric:
    """One metric, whatever it is measured of."""

    name: str
    title: str
    better: Direction
    scale: Scale
    ranks: bool = False
    """Whether it is of the order of the rows: then it needs a histogram, and rows of two classes."""
    headline: int = 0
    """Its place among those that a page puts first where nothing is required; 0 for none of them."""


_LISTED = (
    Metric("auc", "AUC", "higher", SHARE, ranks=True, headline=1),
    Metric("auc_pr", "PR AUC", "higher", SHARE, ranks=True),
    Metric("accuracy", "Accuracy", "higher", SHARE, headline=2),
    Metric("precision", "Precision", "higher", SHARE),
    Metric("recall", "Recall", "higher", SHARE),
    Metric("f1", "F1", "higher", SHARE),
    Metric("log_loss", "Log loss", "lower", NATS),
    Metric("calibration", "Calibration", "one", RATIO),
    Metric("mean_prediction", "Mean prediction", "none", LABEL),
    Metric("mean_label", "Mean label", "none", LABEL),
    Metric("mse", "MSE", "lower", SQUARE),
    Metric("mae", "MAE", "lower", DISTANCE, headline=5),
    Metric("rmse", "RMSE", "lower", DISTANCE, headline=4),
    Metric("r2", "R²", "higher", EXPLAINED, headline=3),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _LISTED}
"""By name, in the order in which they are named to people."""

HEADLINES: tuple[str, ...] = tuple(
    metric.name for metric in sorted(_LISTED, key=lambda metric: metric.headline) if metric.headline
)
"""What a page puts first where nothing is required."""


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
