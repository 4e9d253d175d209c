"""The labels of the train split, seen once before training: what the task makes of them, and the weight of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.errors import DataError, StepFailed, did_you_mean
from stellwerk.spec.target import Target
from stellwerk.spec.train import Train
from stellwerk.tables.lists import is_list, matrix
from stellwerk.tasks import TASKS
from stellwerk.tasks.classes import class_called
from stellwerk.tasks.labels import Labels, Numbers
from stellwerk.tasks.parts import LabelPart

MOST = 100.0
"""Weight of a label in the loss at most, where it is that of its share: of a few rows more would be learned by heart."""


def measure_labels(examples: Examples, target: Target, label: str, classes: Sequence[str]) -> Labels:
    """Reads the label column of the train split, batch by batch.

    Raises DataError for a split without rows, labels that are missing, and labels that are all the same.
    """
    for split in ("train", "eval"):
        if not examples.rows(split):
            raise DataError(
                f"The {split} split has no rows, so there is nothing to "
                f"{'learn from' if split == 'train' else 'judge an epoch by'}. "
                "Change data.split, or look in the quarantine for rows that did not fit."
            )
    part: LabelPart = TASKS.part(target.type, "label")
    batches = (_labels(batch, target, part) for batch in examples.batches("train", [label]))
    return part.measured(batches, target, classes)


def class_weights(labels: Labels, training: Train, target: Target, classes: Sequence[str]) -> Numbers:
    """Returns the weight of each class in the loss, float32 [classes]; 1 without `class_weights` and without `alpha` of a focal loss.

    `balanced` gives each class the same total weight; of labels of which a row may have several, the rows that have one together the
    weight of those that do not. Raises StepFailed for a name that is no class.
    """
    given = training.class_weights
    if training.loss is not None and training.loss.alpha is not None:
        return np.asarray([1 - training.loss.alpha, training.loss.alpha], np.float32)
    if given is None:
        return np.ones(max(1, len(classes)), np.float32)
    if not target.about.has_names:
        raise StepFailed(f"train.class_weights: a {target.type} target has no classes. Remove the key.")
    if given == "balanced" and target.about.several:
        odds = (labels.rows - labels.counts) / np.maximum(labels.counts, 1)
        evened: Numbers = np.clip(odds, 1 / MOST, MOST).astype(np.float32)
        return evened
    if given == "balanced":
        return (labels.rows / (len(classes) * np.maximum(labels.counts, 1))).astype(np.float32)
    called = {name: class_called(name, classes) for name in given}
    for name, meant in called.items():
        if meant is None:
            raise StepFailed(
                f"train.class_weights: '{name}' is no class of column '{target.column}'."
                f"{did_you_mean(name, classes)} Classes: {', '.join(map(repr, classes))}."
            )
    weights = {called[name]: weight for name, weight in given.items()}
    return np.asarray([weights.get(name, 1.0) for name in classes], np.float32)


def _labels(batch: pa.RecordBatch, target: Target, part: LabelPart) -> Numbers:
    column = batch.column(0)
    values: Numbers = (matrix(column) if is_list(column.type) else column.to_numpy(zero_copy_only=False)).astype(
        np.float64
    )
    bad = int(np.count_nonzero(~part.known(values)))
    if bad:
        raise DataError(
            f"Column '{target.column}' has {bad} or more rows of the train split without a finite, known answer. "
            "A model cannot learn from them: leave such rows out in data.query."
        )
    return values
