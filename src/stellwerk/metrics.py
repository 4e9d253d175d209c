"""The table of metrics. One entry is all that anything here knows of a metric, but how it is measured: that its tasks say.

The spec takes the names, evaluate compares, `check` says what cannot be met, and the report gives titles: all from here. The part
`metrics` of a task names the formula of each that suits it, or the metric names it by task, see `stellwerk.tasks.measures`. A metric under any other name, a TFMA
class or a hook, is computed by TFMA itself and points up.

A package brings one as the entry point `stellwerk.metrics`, which names a `Metric` that says itself how tasks measure it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stellwerk.families import Family

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
RATIO_UP = Scale("ratio", 0.0)
LABEL = Scale("that of the target")
DISTANCE = Scale("that of the target", 0.0)
SQUARE = Scale("that of the target, squared", 0.0)
EXPLAINED = Scale("share", None, 1.0)


@dataclass(frozen=True)
class Measure:
    """How a metric is measured for one task."""

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
    """One metric, whatever it is measured of."""

    name: str
    title: str
    better: Direction
    scale: Scale
    ranks: bool = False
    """Whether it is of the order of the rows: then it needs a histogram, and rows of two classes."""
    headline: int = 0
    """Its place among those that a page puts first where nothing is required; 0 for none of them."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """By task, how it is measured there, where the task itself does not say."""


_LISTED = (
    Metric("auc", "AUC", "higher", SHARE, ranks=True, headline=1),
    Metric("auc_pr", "PR AUC", "higher", SHARE, ranks=True),
    Metric("accuracy", "Accuracy", "higher", SHARE, headline=2),
    Metric("precision", "Precision", "higher", SHARE),
    Metric("recall", "Recall", "higher", SHARE),
    Metric("f1", "F1", "higher", SHARE),
    Metric("f1_macro", "Macro F1", "higher", SHARE),
    Metric("hamming_loss", "Hamming loss", "lower", SHARE),
    Metric("log_loss", "Log loss", "lower", NATS),
    Metric("calibration", "Calibration", "one", RATIO),
    Metric("mean_prediction", "Mean prediction", "none", LABEL),
    Metric("mean_label", "Mean label", "none", LABEL),
    Metric("mse", "MSE", "lower", SQUARE),
    Metric("mae", "MAE", "lower", DISTANCE, headline=5),
    Metric("rmse", "RMSE", "lower", DISTANCE, headline=4),
    Metric("mase", "MASE", "lower", RATIO_UP),
    Metric("smape", "SMAPE", "lower", Scale("share", 0.0, 2.0)),
    Metric("pinball", "Pinball loss", "lower", DISTANCE),
    Metric("r2", "R²", "higher", EXPLAINED, headline=3),
)

FAMILY = Family("metrics", "metric", {metric.name: __name__ for metric in _LISTED})
_BROUGHT, BROKEN = FAMILY.brought(
    Metric, lambda metric: [measure.formula for measure in metric.measures.values()] or [""]
)

METRICS: dict[str, Metric] = {**{metric.name: metric for metric in _LISTED}, **_BROUGHT}
"""By name, in the order in which they are named to people."""

HEADLINES: tuple[str, ...] = tuple(
    metric.name for metric in sorted(METRICS.values(), key=lambda metric: metric.headline) if metric.headline
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
