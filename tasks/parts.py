"""What every task has: one module for each of these parts in its folder, so that each is loaded only where it is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
    from stellwerk.metrics import Measure
    from stellwerk.spec.target import Target
    from stellwerk.tasks.counts import Array
    from stellwerk.tasks.heads import Head
    from stellwerk.tasks.intervals import Interval
    from stellwerk.tasks.labels import Labels

Found = tuple[tuple[str | int, ...], str]
"""The keys of the spec that a problem is about, and a sentence."""


@dataclass(frozen=True)
class About:
    """What whoever needs only this much asks, instead of which task it is."""

    has_classes: bool
    """Whether the label is one of several names, so that rows can be weighted, split and counted by it; else it is a number."""
    one_score: bool
    """Whether the model answers a row by one number; else by one for each class."""
    output: str
    """The output of the served model that evaluate reads."""
    whole_label: bool = False
    """Whether labels are the numbers of classes, -1 for none, and no floats."""
    many: bool = False
    """Whether the label of a row is a list of numbers, [rows, length], and no single value."""
    several: bool = False
    """Whether a row may have any number of the names, or none: one text a row, which is taken apart."""
    baselines: tuple[str, ...] = ("trivial", "linear")
    """What a model is held against, the simplest first: those of every table, or those of the task's own part `baselines`."""

    @property
    def has_positive(self) -> bool:
        """Whether one of two classes is the positive one, by a threshold."""
        return self.has_classes and self.one_score

    @property
    def has_names(self) -> bool:
        """Whether its values are names, and no numbers."""
        return self.has_classes or self.several

    @property
    def has_threshold(self) -> bool:
        """Whether a probability says yes or no by a threshold."""
        return self.has_positive or self.several


@dataclass(frozen=True)
class Train:
    """What validate has seen of the target in the train split."""

    is_number: bool
    classes: Sequence[str]
    """Its different values; none of a number that is no class."""
    only: str | None
    """Its value, where there is but one."""


@dataclass(frozen=True)
class Anomaly:
    """What makes a target impossible to learn: its kind, what it is, and what to do."""

    kind: str
    what: str
    fix: str
    share: float | None = None
    """Of the rows; None for that of the rows with a value."""


class AboutPart(Protocol):
    """`about`: loads nothing."""

    ABOUT: About


class MetricsPart(Protocol):
    """`metrics`: loads nothing."""

    MEASURES: Mapping[str, Measure]
    """How each metric of `stellwerk.metrics` that suits the task is measured, by its name."""


class StartPart(Protocol):
    """`start`: what `stellwerk init` asks of a column that it has surveyed. No framework."""

    GATE: str
    """An entry of `evaluate.require` to begin with."""
    CERTAIN: float
    """Strength from which a column tells the target so well that it is left out."""
    SUSPECT: float
    """Strength from which a column is only warned of."""

    def suits(self, survey: Survey, column: ColumnSurvey) -> bool:
        """Whether the column holds such answers; the first task that says yes is the guess."""

    def refused(self, column: ColumnSurvey) -> str | None:
        """Returns why the column cannot be such a target, though somebody asks for it; None where it can."""

    def positive(self, survey: Survey, column: ColumnSurvey) -> Any:
        """Returns what `target.positive` must say; None where nothing."""

    def described(self, survey: Survey, column: ColumnSurvey) -> str:
        """Returns what the column holds, for a comment in the spec."""


class CheckPart(Protocol):
    """`check`: what is wrong with the values of a target. No framework."""

    def problems(self, target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:
        """Yields what `stellwerk check` finds in the `values` of the first rows, or of all that `seen` can look at."""

    def anomaly(self, target: Target, train: Train) -> Anomaly | None:
        """Returns what validate refuses the train split for."""

    def refused(self, target: Target, column_type: str) -> str | None:
        """Returns why transform cannot take a column of this type; None where it can."""


class Answers(Protocol):
    """What the target's column holds, over all splits; parts of the rows may be looked at apart."""

    def add(self, column: pa.Array) -> None:
        """Takes a batch in which nothing is missing. Raises DataError for values that cannot be such a target."""

    def merge(self, other: Any) -> None:
        """Takes what another has seen."""

    def as_json(self) -> list[Any]:
        """Returns all that was seen."""

    def restore(self, found: list[Any]) -> None:
        """Takes what `as_json` gave."""

    def classes(self) -> list[str]:
        """Returns the classes, none of a number. Raises DataError for a target that nothing can be learned of."""


class LabelPart(Protocol):
    """`label`: from the raw column to labels, in Arrow and NumPy. No framework."""

    def answers(self, target: Target) -> Answers:
        """Returns what takes the column over all splits."""

    def encode(self, column: pa.Array, classes: Sequence[str]) -> Array:
        """Returns the labels of a column, [rows] or of lists [rows, length]; what is missing or no known class is none, see `known`."""

    def known(self, labels: Array) -> Array:
        """Returns which labels are one (bool [rows])."""

    def measured(self, batches: Iterable[Array], target: Target, classes: Sequence[str]) -> Labels:
        """Returns what is known of the labels of the train split (float64 [rows] each, or [rows, length]). Raises DataError where all are the same."""

    def trivial(self, labels: Labels) -> list[float]:
        """Returns what a model without features answers."""


class GraphPart(Protocol):
    """`graph`: the label inside the transform graph. Loads TensorFlow."""

    def label(self, raw: Any, classes: list[str]) -> Any:
        """Returns the labels of a raw column, tensors [batch] or [batch, length]: int64 where the label is whole, else float32."""


class HeadPart(Protocol):
    """`head`: the last layer, loss, epoch measures and signatures. Loads Keras."""

    HEAD: type[Head]


class LinearPart(Protocol):
    """`linear`: the linear baseline, of tasks that have it. Loads scikit-learn and TensorFlow."""

    def solved(self, design: Any, answers: Array, labels: Labels, weights: Array) -> tuple[Array, Array]:
        """Returns coefficients [columns, outputs] and bias [outputs] of the scores, for a sparse matrix of rows and their labels."""

    def answered(self, scores: Any, labels: Labels) -> Any:
        """Returns what the network would answer for scores, tensors [batch, outputs]."""


class Tally(Protocol):
    """Gathers labels and predictions of one model, in memory that does not grow with the rows."""

    # A tally of a task whose labels have `facts` also has `know(facts)`, which is called before any row.

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds a batch: labels [rows] or [rows, length], predictions [rows, outputs], and the slice number of each row for each spec."""

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns everything that was gathered of the first `slices` slices, as it travels between machines."""

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds the `arrays` of another tally of the same kind; its slices have the `numbers` here (int64 [slices])."""

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns the standard metrics of each slice (float64 [slices]); NaN where one is not defined."""

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns for each standard metric where it lies with 95 % confidence, for each slice; NaN where it is not defined."""

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice (int64 [slices])."""

    def details(self) -> dict[str, Any]:
        """Returns what `evaluation.json`, and with it the report, shows of the whole split: `curves`, and what else there is."""

    def confusions(self, slices: int) -> list[Array]:
        """Returns for each slice rows (label, prediction, count) of its confusion matrix; none where there are no classes."""


class TallyPart(Protocol):
    """`tally`: what is counted while predictions stream by. NumPy."""

    def new_tally(self, classes: Sequence[str], threshold: float, wanted: Sequence[str], seed: int = 0) -> Tally:
        """Returns an empty tally; `wanted` are the standard metrics that will be asked for.

        `seed` chooses the random numbers of a sample: tallies that are put together later need different ones.
        """


class RowsPart(Protocol):
    """`rows`: single answers, of the rows that are looked at one by one. NumPy."""

    def losses(self, labels: Array, predictions: Array) -> Array:
        """Returns how wrong each prediction [rows, outputs] is: [rows]."""

    def said(self, label: Any, given: Array, classes: Sequence[str]) -> dict[str, Any]:
        """Returns `actual`, `predicted` and `certainty` of one row, for people."""


class Baseline(Protocol):
    """A simple forecast, asked as a model is."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the examples that it reads."""

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns its predictions [rows, outputs]."""


class BaselinesPart(Protocol):
    """`baselines`: of tasks whose simplest models look at the row. NumPy."""

    def baselines(self, target: Target, facts: Mapping[str, Any], manifest: Mapping[str, Any]) -> Sequence[Baseline]:
        """Returns those that can be made of examples with this manifest; `facts` are the model's own, see `Labels.facts`."""


class StrangersPart(Protocol):
    """`strangers`: of tasks whose rows stay though a name in them is none that the model knows. No framework."""

    def strangers(self, column: pa.Array, classes: Sequence[str]) -> Counter[str]:
        """Returns how many rows have each name of a column that is no class."""


class PicturesPart(Protocol):
    """`pictures`: what the report shows of single rows beside their loss. NumPy."""

    def columns(self, facts: Mapping[str, Any], manifest: Mapping[str, Any]) -> Sequence[str]:
        """Returns the columns of the examples that are read for it."""

    def pictures(
        self,
        batch: pa.RecordBatch,
        labels: Array,
        predictions: Array,
        facts: Mapping[str, Any],
        manifest: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Returns keys of `evaluation.json`."""


PARTS: dict[str, type[Any]] = {
    "about": AboutPart,
    "metrics": MetricsPart,
    "start": StartPart,
    "check": CheckPart,
    "label": LabelPart,
    "graph": GraphPart,
    "head": HeadPart,
    "tally": TallyPart,
    "rows": RowsPart,
}
"""The parts that every task has, by the name of their module."""

SOME: dict[str, type[Any]] = {
    "linear": LinearPart,
    "baselines": BaselinesPart,
    "pictures": PicturesPart,
    "strangers": StrangersPart,
}
"""Those of some tasks: `linear` of the ones that name it among their `baselines`, `baselines` of the ones with baselines of their own."""

WITHOUT_FRAMEWORK = ("about", "metrics", "start", "check", "label", "tally", "rows")
"""Those that `check`, `init` and the spec may load."""
