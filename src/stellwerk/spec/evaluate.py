"""`evaluate`: how good the model must be, overall and on every slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from stellwerk.errors import did_you_mean
from stellwerk.metrics import BROKEN, METRICS
from stellwerk.section import Contradiction, Section
from stellwerk.tasks import baselines


def _known_metric(name: str) -> str:
    """Standard metrics are lower case; a capital means a TFMA class, `.py:` a hook."""
    if name in METRICS or ".py:" in name or name[:1].isupper():
        return name
    if name in BROKEN:
        raise PydanticCustomError("metric", "{text}", {"text": BROKEN[name]})
    raise PydanticCustomError(
        "metric",
        "{text}",
        {
            "text": f"unknown metric '{name}'.{did_you_mean(name, METRICS)} Known: {', '.join(METRICS)}, "
            "any TFMA metric by its class name (e.g. MinLabelPosition), or a hook (metrics.py:Class)"
        },
    )


Metric = Annotated[
    str,
    AfterValidator(_known_metric),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(METRICS)},
                {
                    "type": "string",
                    "pattern": r"^[A-Z]|\.py:",
                    "description": "A TFMA metric by its class name, or a hook.",
                },
            ]
        }
    ),
]


if TYPE_CHECKING:
    BaselineName = str
else:
    BaselineName = Literal[baselines()]
"""What a model is held against: the names that tasks have for it."""


class Bound(Section):
    """Limits of one metric."""

    EXAMPLE: ClassVar[str] = """\
evaluate:
  require:
    log_loss: {max: 0.5}
"""

    min: float | None = None
    """The metric must be at least this."""
    max: float | None = None
    """The metric must be at most this."""
    min_gain: float | None = None
    """Improvement over the last blessed model on the same data; positive is better whichever way the metric points, so -0.005 allows a small loss. Not asked of the first model."""

    @model_validator(mode="after")
    def _asks_something(self) -> Bound:
        if not (self.model_fields_set & {"min", "max", "min_gain", "over", "per_slice"}):
            raise ValueError("a requirement needs at least one of min, max, min_gain, over, per_slice")
        return self

    @model_validator(mode="after")
    def _can_be_met(self) -> Bound:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise Contradiction((("min",), f"is above max. Received: min: {self.min:g}, max: {self.max:g}"))
        return self


class Requirement(Bound):
    """What one metric must reach before the model is blessed."""

    EXAMPLE: ClassVar[str] = """\
evaluate:
  slices: [[carrier]]
  require:
    auc: {min: 0.7, min_gain: -0.005, per_slice: {min: 0.6}}
    accuracy: {over: linear, by: 0.01}
"""

    over: BaselineName | None = None
    """Must be better than that of the model that answers the same for every row (its classes' shares, or the mean), or than that of a linear model of the same features; of a forecast better than the last value again (naive), or than the values of one season before (seasonal_naive)."""
    by: Annotated[float, Field(ge=0)] | None = None
    """With `over`: by so much."""
    per_slice: Bound | None = None
    """min, max and min_gain for every slice that has at least `min_slice_size` examples."""

    @model_validator(mode="after")
    def _by_needs_over(self) -> Requirement:
        if self.by is not None and self.over is None:
            raise Contradiction((("by",), "says by how much the metric must be over a baseline. Give over: linear too"))
        return self


class Evaluate(Section):
    """How good the model must be before it is pushed."""

    EXAMPLE: ClassVar[str] = """\
evaluate:
  metrics: [auc, accuracy, calibration]
  slices: [[carrier], [origin, carrier]]
  min_slice_size: 200
  require: {auc: {min: 0.7}}
"""

    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] | None = None
    """What is measured; by default what suits the target. Standard names, TFMA class names, or hooks."""
    slices: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = ()
    """Columns to slice by, each a list: `[carrier]` for every carrier, `[origin, carrier]` for every pair."""
    min_slice_size: Annotated[int, Field(ge=1)] = 1
    """Slices with fewer examples are shown but ask nothing."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """binary: probability above which an example counts as positive in accuracy, precision, recall, f1."""
    require: dict[Metric, Requirement] = {}
    """What must hold before the model is blessed."""
    over: BaselineName | Literal["nothing"] = "trivial"
    """Asked of the first of the metrics, where `require` names no `over` for it: to be better than this baseline; trivial is the simplest that the target has, of a forecast the naive one."""
    min_gain: float | None = 0.0
    """Asked of the first of the metrics, where `require` names no `min_gain` for it: improvement over the last blessed model, if there is one that can be measured on the same data; null asks for none."""
