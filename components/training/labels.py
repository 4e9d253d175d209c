"""The labels of the train split, seen once before training: their prior, their spread, the weight of each class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.labels import class_called
from stellwerk.errors import DataError, StepFailed, did_you_mean
from stellwerk.spec.target import Target
from stellwerk.spec.train import Train

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Labels:
    """What is known about the labels of the train split."""

    rows: int
    counts: Numbers
    """Rows of each class, float64 [classes]; empty for regression."""
    mean: float = 0.0
    deviation: float = 1.0
    """Standard deviation, for regression."""

    @classmethod
    def measure(cls, examples: Examples, target: Target, label: str, classes: Sequence[str]) -> Labels:
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
        columns = (_labels(batch, target) for batch in examples.batches("train", [label]))
        return _spread(columns, target) if target.type == "regression" else _counted(columns, target, classes)

    def weights(self, training: Train, target: Target, classes: Sequence[str]) -> Numbers:
        """Returns the weight of each class in the loss, float32 [classes]; 1 without `class_weights`.

        `balanced` gives each class the same total weight. Raises StepFailed for a name that is no class.
        """
        given = training.class_weights
        if given is None or target.type == "regression":
            if given is not None:
                raise StepFailed("train.class_weights: a regression target has no classes. Remove the key.")
            return np.ones(max(1, len(classes)), np.float32)
        if given == "balanced":
            return (self.rows / (len(classes) * np.maximum(self.counts, 1))).astype(np.float32)
        called = {name: class_called(name, classes) for name in given}
        for name, meant in called.items():
            if meant is None:
                raise StepFailed(
                    f"train.class_weights: '{name}' is no class of column '{target.column}'."
                    f"{did_you_mean(name, classes)} Classes: {', '.join(map(repr, classes))}."
                )
        weights = {called[name]: weight for name, weight in given.items()}
        return np.asarray([weights.get(name, 1.0) for name in classes], np.float32)

    def trivial(self, target: Target) -> list[float]:
        """Returns what a model without features answers: the mean, the share of the positive class, or that of each class."""
        if target.type == "regression":
            return [self.mean]
        shares: list[float] = (self.counts / self.rows).tolist()
        return shares[1:] if target.type == "binary" else shares


def _labels(batch: pa.RecordBatch, target: Target) -> Numbers:
    values: Numbers = batch.column(0).to_numpy(zero_copy_only=False).astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(values) if target.type != "multiclass" else ~(values >= 0)))
    if bad:
        raise DataError(
            f"Column '{target.column}' has {bad} or more rows of the train split without a finite, known answer. "
            "A model cannot learn from them: leave such rows out in data.query."
        )
    return values


def _counted(columns: Iterable[Numbers], target: Target, classes: Sequence[str]) -> Labels:
    counts = np.zeros(len(classes), np.float64)
    for values in columns:
        counts += np.bincount(values.astype(np.int64), minlength=len(classes))
    seen = [name for name, count in zip(classes, counts, strict=True) if count]
    if len(seen) < 2:
        raise DataError(
            f"Column '{target.column}' has only the value '{seen[0]}' in the train split: there is nothing to learn. "
            "Check target.column and data.query, or change data.split so that every class is in the train split."
        )
    return Labels(int(counts.sum()), counts)


def _spread(columns: Iterable[Numbers], target: Target) -> Labels:
    """Mean and deviation by Chan, Golub and LeVeque's update, which stays exact for values far from zero."""
    rows, mean, squares = 0, 0.0, 0.0
    for values in columns:
        if not len(values):
            continue
        ahead = float(values.mean()) - mean
        squares += float(np.square(values - values.mean()).sum()) + ahead**2 * rows * len(values) / (rows + len(values))
        rows += len(values)
        mean += ahead * len(values) / rows
    deviation = math.sqrt(squares / rows)
    if not deviation:
        raise DataError(
            f"Column '{target.column}' has only the value {mean:g} in the train split: there is nothing to learn. "
            "Check target.column and data.query."
        )
    return Labels(rows, np.empty(0), mean, deviation)
