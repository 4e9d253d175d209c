"""Streams a split through exported models, the way TensorFlow Serving would ask them, and pairs answers with labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.evaluation.slices import Slices
from stellwerk.errors import DataError, ModelError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.tensors import inputs_from_batch
from stellwerk.spec.target import Target
from stellwerk.tables.lists import is_list
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import LabelPart, StrangersPart

SPLIT = "test"

BATCH_ROWS = 16_384

BATCH_VALUES = 4_000_000
"""At most so many probabilities at once: with many classes, a batch has fewer rows."""

WITH_LINEAR, LINEAR = "with_linear", "linear"
"""The signature that answers for the model and its linear baseline at once, and the baseline's output of it."""

_SHOWN_VALUES = 10


@dataclass
class Excluded:
    """Rows that cannot be evaluated because their label is missing or no class of the model."""

    missing: int = 0
    unseen: int = 0
    unseen_values: Counter[str] = field(default_factory=Counter)

    def take(self, other: Excluded) -> None:
        """Adds the rows that were left out elsewhere."""
        self.missing += other.missing
        self.unseen += other.unseen
        self.unseen_values.update(other.unseen_values)

    def as_json(self) -> dict[str, Any]:
        """Returns the counts and the most frequent values that the model has never seen."""
        frequent = [
            {"value": value, "examples": count} for value, count in self.unseen_values.most_common(_SHOWN_VALUES)
        ]
        return {"missing": self.missing, "unseen": self.unseen, "unseen_values": frequent}


@dataclass(frozen=True)
class Batch:
    """Rows with a label: labels [rows, ...], predictions of each model [rows, outputs], slice numbers for each spec."""

    labels: Array
    predictions: list[Array]
    groups: list[Array]
    rows: int


class Asked(Protocol):
    """What is asked for predictions: a model, or a variant of one."""

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns the predictions for a batch of examples, [rows, outputs]."""
        ...


class Predictor:
    """An exported model that is asked for the probabilities of `classes`, or for a quantity."""

    def __init__(self, model: LoadedModel, target: Target, classes: Sequence[str] | None = None) -> None:
        """`classes` are those to answer for; by default the model's own. Raises ModelError when they cannot be answered."""
        self.model = model
        task = target.about
        self.about = _about(model.path)
        self.facts: Mapping[str, Any] = self.about.get("facts") or {}
        self.output = str(self.facts.get("output", task.output))
        own = [str(name) for name in self.about.get("classes") or []]
        self._linear: tuple[pa.RecordBatch | None, Array] = None, np.zeros((0, 0))
        self.classes = own if classes is None else list(classes)
        given = model.signature("serving_default").outputs
        if self.output not in given or (task.has_classes and len(own) < 2):
            raise ModelError(
                f"{model.path}: this model was not made for a {target.type} target: 'serving_default' gives "
                f"{', '.join(given)}, and '{self.output}' with the names of the classes is needed. Train it for this target."
            )
        if task.has_positive and self.classes != own:
            raise ModelError(
                f"{model.path}: this model tells {' from '.join(own)}, and not {' from '.join(self.classes)}."
            )
        self._places = [own.index(name) if name in own else -1 for name in self.classes]
        self._aligned = self.classes == own
        # Only the candidate is asked for its baseline: it answers for its own classes.
        self.has_linear = classes is None and WITH_LINEAR in model.signatures

    def check(self, columns: Mapping[str, str]) -> None:
        """Raises DataError when examples with these columns (type by name) cannot be given to the model."""
        none = [pa.array([], COLUMN_TYPES[kind].arrow_type) for kind in columns.values()]
        inputs_from_batch(pa.RecordBatch.from_arrays(none, names=list(columns)), self.model.inputs)

    def linear(self, batch: pa.RecordBatch) -> Array:
        """Returns what the linear baseline says of a batch, [rows, outputs]; both are asked at once."""
        if self._linear[0] is not batch:
            self.predict(batch)
        return self._linear[1]

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns the predictions for a batch of examples, [rows, outputs]. Raises ModelError where they are not finite."""
        signature = WITH_LINEAR if self.has_linear else "serving_default"
        answer = self.model.predict(inputs_from_batch(batch, self.model.inputs), signature)
        predictions: Array = answer[self.output].reshape(batch.num_rows, -1)
        if self.has_linear:
            self._linear = batch, answer[LINEAR].reshape(batch.num_rows, -1)
        bad = np.count_nonzero(~np.isfinite(predictions).all(axis=1))
        if bad:
            raise ModelError(
                f"{self.model.path}: the model predicts NaN or infinity for {bad} of {batch.num_rows} examples. "
                "Its training diverged: lower the learning rate, or scale the features."
            )
        if self._aligned:
            return predictions
        padded: Array = np.concatenate([predictions, np.zeros((len(predictions), 1), predictions.dtype)], axis=1)
        return padded[:, self._places]


def _about(path: Path) -> dict[str, Any]:
    described = path / "assets.extra" / "stellwerk.json"
    if not described.is_file():
        raise ModelError(f"{path}: the model does not say what it predicts: {described} is missing. Train it again.")
    about: dict[str, Any] = read_json(described)
    return about


@dataclass(frozen=True)
class Wanted:
    """What must be read of the examples: their columns, and so many rows at a time."""

    columns: list[str]
    rows: int


def wanted(
    examples: Examples, target: Target, predictors: Sequence[Predictor], slices: Slices, more: Iterable[str] = ()
) -> Wanted:
    """Returns what the models, the slices, the label and whoever needs `more` columns need of the examples. Raises DataError where there is no label."""
    if target.column not in examples.columns:
        raise DataError(
            f"the examples have no target column '{target.column}'; they have: {', '.join(examples.columns)}."
        )
    inputs = [name for predictor in predictors for name in predictor.model.inputs]
    columns = dict.fromkeys([target.column, *slices.columns, *inputs, *more])
    rows = min(BATCH_ROWS, max(256, BATCH_VALUES // max(len(predictors[0].classes), 1)))
    return Wanted([name for name in columns if name in examples.columns], rows)


def predictions(
    batches: Iterable[pa.RecordBatch],
    target: Target,
    predictors: Sequence[Predictor],
    slices: Slices,
    excluded: Excluded,
    *,
    beside: Sequence[Asked] = (),
) -> Iterator[Batch]:
    """Yields the rows of `batches` that have a label, with what each model predicts for them; counts the others.

    Predictions of those `beside` (variants, baselines) come behind those of the models.
    """
    classes = predictors[0].classes
    for batch in batches:
        labels, keep = _labels(batch.column(target.column), target, classes, excluded)
        if not keep.any():
            yield Batch(labels[:0], [], [], batch.num_rows)
            continue
        kept = None if keep.all() else keep
        asked = (
            batch
            if kept is None
            else pa.RecordBatch.from_arrays(
                [column.filter(pa.array(keep)) for column in batch.columns], names=batch.schema.names
            )
        )
        answers = [one.predict(asked) for one in (*predictors, *beside)]
        yield Batch(labels[keep], answers, slices.groups(batch, kept), batch.num_rows)


def labels_of(column: pa.Array, target: Target, classes: Sequence[str]) -> tuple[Array, Array]:
    """Returns the label of each row, and which rows have one."""
    task: LabelPart = TASKS.part(target.type, "label")
    labels = task.encode(column, classes)
    return labels, task.known(labels)


def _labels(column: pa.Array, target: Target, classes: Sequence[str], excluded: Excluded) -> tuple[Array, Array]:
    """Returns the labels and which rows have one; counts the rows that do not, and values that are no class in rows that stay."""
    labels, keep = labels_of(column, target, classes)
    part: StrangersPart | None = TASKS.find(target.type, "strangers")
    if part is not None:
        excluded.unseen_values.update(part.strangers(column, classes))
    if keep.all():
        return labels, keep
    without = column.filter(pa.array(~keep))
    if is_list(without.type):
        excluded.missing += len(without)
        return labels, keep
    if pa.types.is_string(without.type):
        absent = pc.or_(pc.is_null(without), pc.equal(without, "")).fill_null(True)
    else:
        absent = pc.is_null(without, nan_is_null=True)
    missing = int(pc.sum(absent).as_py() or 0)
    excluded.missing += missing
    excluded.unseen += len(without) - missing
    unseen = without.filter(pc.invert(absent))
    for value in pc.value_counts(unseen).to_pylist():
        excluded.unseen_values[str(value["values"])] += value["counts"]
    if len(excluded.unseen_values) > 100 * _SHOWN_VALUES:
        excluded.unseen_values = Counter(dict(excluded.unseen_values.most_common(_SHOWN_VALUES)))
    return labels, keep
