"""Reads what the gates and the evaluation say: metrics by slice, curves, requirements, and what was pushed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from stellwerk.report.files import read_json


@dataclass(frozen=True)
class Slice:
    """Metrics on one slice of the test split; a metric that is not defined there is None."""

    slice: Mapping[str, Any]
    examples: int
    metrics: Mapping[str, float | None]
    baseline: Mapping[str, float | None] | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Where a metric lies with 95 % confidence, as the split has only so many examples."""

    @property
    def label(self) -> str:
        """How the slice is called on the page."""
        return slice_label(self.slice)


def slice_label(key: Mapping[str, Any]) -> str:
    """Returns `carrier = AA · origin = JFK`, or `all examples` for the whole split."""
    return " · ".join(f"{column} = {value}" for column, value in key.items()) or "all examples"


@dataclass(frozen=True)
class Calibration:
    """One bucket of predictions beside what really happened."""

    mean_prediction: float
    mean_label: float
    examples: float = 0


@dataclass(frozen=True)
class Curves:
    """Curves over the whole test split, those that suit the target."""

    roc: tuple[tuple[float, float], ...] = ()
    """(false positive rate, true positive rate)."""
    thresholds: tuple[float, ...] = ()
    """For each point of `roc` the probability from which an example counts as positive."""
    pr: tuple[tuple[float, float], ...] = ()
    """(recall, precision)."""
    calibration: tuple[Calibration, ...] = ()


@dataclass(frozen=True)
class Confusion:
    """Examples by true class (row) and predicted class (column)."""

    classes: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]
    classes_left_out: int = 0
    """Rarer classes that the matrix does not show."""
    threshold: float | None = None
    """binary: probability above which an example counts as positive."""


@dataclass(frozen=True)
class Grid:
    """Examples by actual (row) and predicted (column) value, between edges."""

    actual_edges: tuple[float, ...]
    predicted_edges: tuple[float, ...]
    counts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Regression:
    """How far predicted quantities are from the actual ones, on the whole test split."""

    histogram: Grid
    residuals: Mapping[str, Any]
    """Predicted minus actual: mean, deviation and quantiles."""
    sampled: int = 0


@dataclass(frozen=True)
class Variant:
    """The model in one format, asked in its own runtime for the whole test split; the first is the SavedModel."""

    format: str
    bytes: int
    metrics: Mapping[str, float | None]
    difference: Mapping[str, float]
    """How far its predictions are from the SavedModel's: `max` and `mean`."""
    seconds_per_row: float
    """Of the half behind the transform, in batches."""
    seconds_one_row: float
    """The same for one row alone."""
    ok: bool


@dataclass(frozen=True)
class Importance:
    """By how much the loss rises when the values of one column go to other rows."""

    column: str
    mean: float
    deviation: float = 0.0


@dataclass(frozen=True)
class Importances:
    """Permutation importance of every column that the model reads, the largest first."""

    metric: str
    base: float
    rows: int
    columns: tuple[Importance, ...] = ()


@dataclass(frozen=True)
class WorstRow:
    """A row on which the model is most wrong."""

    row: Mapping[str, Any]
    actual: str | float
    predicted: str | float
    certainty: float | None = None
    """Probability that the model gave to what it predicted."""


@dataclass(frozen=True)
class WorstRows:
    """Of the rows that were examined those with the largest loss."""

    examined: int
    rows: tuple[WorstRow, ...] = ()


@dataclass(frozen=True)
class Gallery:
    """Pictures of a column, some of each class."""

    column: str
    classes: tuple[Mapping[str, Any], ...]
    """`class` and `pictures`, which are `data:` URIs."""


@dataclass(frozen=True)
class Forecast:
    """One forecast: of which series, made at which moment, what came before, what came, and each quantile of what was said."""

    series: str
    moment: float | None
    past: tuple[float | None, ...]
    truth: tuple[float | None, ...]
    forecast: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Forecasts:
    """Some forecasts."""

    quantiles: tuple[float, ...]
    shown: tuple[Forecast, ...]


@dataclass(frozen=True)
class LabelRow:
    """What was counted of one of the labels that a row may have several of."""

    label: str
    examples: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None


@dataclass(frozen=True)
class Evaluation:
    """The Evaluation artifact."""

    examples: int
    slices: tuple[Slice, ...]
    """The first is the whole split."""
    curves: Curves = field(default_factory=Curves)
    confusion: Confusion | None = None
    regression: Regression | None = None
    variants: tuple[Variant, ...] = ()
    importance: Importances | None = None
    worst: WorstRows | None = None
    gallery: tuple[Gallery, ...] = ()
    main: str = ""
    """The metric by which the model is compared where the spec names none."""
    baselines: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Metrics of the simplest models on the whole split: `trivial` answers the same for every row, `linear` is a regression."""
    warnings: tuple[str, ...] = ()
    """What a reader should know before trusting the metrics."""
    horizon: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of forecasts, errors by step ahead, by the name of the metric."""
    beside: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    """The same of each baseline."""
    forecasts: Forecasts | None = None
    labels: tuple[LabelRow, ...] = ()
    """Of a target of several labels a row, those with the most rows first."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in the order of the whole split."""
        return tuple(dict.fromkeys(metric for entry in self.slices for metric in entry.metrics))

    @property
    def compared(self) -> bool:
        """Whether the last blessed model was measured beside the model."""
        return any(entry.baseline for entry in self.slices)


def read_evaluation(path: Path) -> Evaluation:
    """Reads `evaluation.json` of the Evaluation artifact in `path`."""
    return TypeAdapter(Evaluation).validate_python(read_json(path / "evaluation.json"))


@dataclass(frozen=True)
class Requirement:
    """One requirement, what was reached, and whether that is enough."""

    metric: str
    bound: str
    required: float | None
    value: float | None
    ok: bool
    slice: Mapping[str, Any] = field(default_factory=dict)
    sentence: str = ""
    difference: float | None = None
    """Value minus what is required; for `min_gain` the gain itself."""
    variant: str = ""
    """Format of the variant that it was asked of, or nothing for the SavedModel."""
    over: str = ""
    """The baseline that the model has to be better than, for the bound of this name."""

    @property
    def margin(self) -> float | None:
        """How far on the good side of what is required; negative when it is not met."""
        if self.bound in ("min_gain", "over"):
            return None if self.difference is None else self.difference - (self.required or 0.0)
        if self.value is None or self.required is None:
            return None
        return self.required - self.value if self.bound == "max" else self.value - self.required

    @property
    def words(self) -> str:
        """What was asked: the sign before the required value."""
        if self.bound == "over":
            return f"better than {self.over} by"
        return {"min": "at least", "max": "at most", "min_gain": "gain of at least"}.get(self.bound, self.bound)

    @property
    def label(self) -> str:
        """Where it was asked."""
        return " · ".join(part for part in (self.variant, slice_label(self.slice)) if part)


@dataclass(frozen=True)
class Blessing:
    """The Blessing artifact."""

    blessed: bool
    requirements: tuple[Requirement, ...] = ()

    @property
    def refused(self) -> tuple[Requirement, ...]:
        """The requirements that are not met, the whole split first."""
        return tuple(
            sorted((entry for entry in self.requirements if not entry.ok), key=lambda entry: bool(entry.slice))
        )

    @property
    def met(self) -> tuple[Requirement, ...]:
        """The requirements that are met, the whole split first."""
        return tuple(sorted((entry for entry in self.requirements if entry.ok), key=lambda entry: bool(entry.slice)))


def read_blessing(path: Path) -> Blessing:
    """Reads the Blessing artifact in `path`."""
    return TypeAdapter(Blessing).validate_python(read_json(path / "blessing.json"))


@dataclass(frozen=True)
class Pushed:
    """The PushedModel artifact: where the model is served from."""

    version: str
    path: str
    new: bool = True
    """False when this very model was there already."""
    model_digest: str = ""
    """Digest of the model that is there: the same as that of the Model artifact."""


def read_pushed(path: Path) -> Pushed:
    """Reads the PushedModel artifact in `path`."""
    entry = read_json(path / "pushed.json")
    place = str(entry.get("path") or entry.get("uri") or "")
    return Pushed(
        str(entry.get("version") or Path(place).name), place, entry.get("new", True), entry.get("model_digest") or ""
    )


@dataclass(frozen=True)
class Card:
    """What the Model artifact says about itself in `assets.extra/stellwerk.json`."""

    hyperparameters: Mapping[str, str]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    unread: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By feature how many `values` of the train split were there, and how many could not be read as moments (`unread`)."""


def read_card(path: Path) -> Card:
    """Reads the description inside the Model artifact in `path`; nested settings become dotted names."""
    card = read_json(path / "assets.extra" / "stellwerk.json")
    plain = {name: str(kind) for name, kind in (card.get("inputs") or {}).items()}
    versions = {name: str(version) for name, version in (card.get("versions") or {}).items()}
    return Card(dict(_dotted(card["hyperparameters"])), plain, versions, card.get("unread") or {})


def _dotted(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            pair for name, inner in value.items() for pair in _dotted(inner, f"{path}.{name}" if path else str(name))
        ]
    if isinstance(value, list):
        return [(path, ", ".join(str(item) for item in value) or "none")]
    return [
        (
            path,
            {None: "none", True: "yes", False: "no"}.get(value, str(value))
            if not isinstance(value, (int, float)) or isinstance(value, bool)
            else f"{value:g}",
        )
    ]
