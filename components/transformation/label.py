"""The label, inside the graph like the features; where its raw column is absent, at serving, it leaves the output."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_transform as tft

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.labels import class_names, find_classes, is_words, lost_in_32_bits, word_sides
from stellwerk.errors import DataError, did_you_mean
from stellwerk.spec.target import Target


class Answers:
    """What the target's column holds: a measure, over all splits, of which values it has."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._counts: Counter[str] = Counter()
        self._low, self._high = float("inf"), float("-inf")

    def add(self, column: pa.Array, split: str) -> None:
        """Takes a batch of a split. Raises DataError for a target that is missing or not finite in some row."""
        target = self._target
        _refuse_missing(column, split, target)
        if target.type == "regression":
            values = np.asarray(column.cast(pa.float64(), safe=False))
            self._low = float(min(self._low, values.min(initial=np.inf)))
            self._high = float(max(self._high, values.max(initial=-np.inf)))
            return
        try:
            found = pc.value_counts(class_names(column))
        except DataError as error:
            raise DataError(f"target: column '{target.column}' cannot be {target.type}: {error}.") from None
        self._counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))

    def merge(self, other: Answers) -> None:
        """Takes what `other` has seen."""
        self._counts.update(other._counts)
        self._low, self._high = min(self._low, other._low), max(self._high, other._high)

    def as_json(self) -> list[Any]:
        """Returns the smallest and the largest number, and classes with how often they occur."""
        return [self._low, self._high, list(self._counts.items())]

    def restore(self, found: list[Any]) -> None:
        """Takes the smallest and the largest number, and classes with how often they occur."""
        self._low, self._high, counts = found
        self._counts = Counter(dict(counts))

    def classes(self) -> list[str]:
        """Returns the classes (none for regression). Raises DataError for a target that is constant, or of too many values."""
        if self._target.type != "regression":
            return find_classes(self._counts, self._target)
        if self._low >= self._high:
            raise DataError(
                f"target: column '{self._target.column}' has only one value ({self._low:g}): there is nothing to learn."
            )
        lost = lost_in_32_bits(self._target.column, self._low, self._high, self._high - self._low)
        if lost is not None:
            raise DataError(f"target: {lost}.")
        return []


def classes_of(examples: Examples, target: Target) -> list[str]:
    """Returns the classes of the target over all splits (none for regression).

    Raises DataError for a target that is missing or not finite in some row, constant, or of too many values.
    """
    check_target(examples, target)
    answers = Answers(target)
    for split in examples.manifest["splits"]:
        for batch in examples.batches(split, [target.column]):
            answers.add(batch.column(0), split)
    return answers.classes()


def check_target(examples: Examples, target: Target) -> None:
    """Raises DataError for a target whose column is absent, or is text where a number is to be predicted."""
    if target.column not in examples.columns:
        raise DataError(
            f"target: there is no column '{target.column}' in the examples.{did_you_mean(target.column, examples.columns)}"
        )
    if target.type == "regression" and not COLUMN_TYPES[examples.columns[target.column]].number:
        raise DataError(
            f"target: column '{target.column}' is text, but a regression needs numbers. "
            "Use type: multiclass, or convert it with CAST in data.query."
        )


def _refuse_missing(column: pa.Array, split: str, target: Target) -> None:
    missing = column.null_count
    if pa.types.is_floating(column.type):
        missing += int((~np.isfinite(np.asarray(column.drop_null()))).sum())
    if missing:
        raise DataError(
            f"target: column '{target.column}' is missing or not finite in {missing} or more rows of the {split} split. "
            "A model cannot learn from a row without its answer: leave such rows out in data.query."
        )


def label(raw: tf.Tensor, target: Target, classes: list[str]) -> tf.Tensor:
    """Returns the label of a raw column: float32 [batch] (binary, regression) or int64 class ids [batch]."""
    if target.type == "regression":
        return tf.cast(raw, tf.float32)
    names = raw if raw.dtype == tf.string else tf.strings.as_string(tf.cast(raw, tf.int64))
    if target.type == "multiclass":
        return tft.make_and_track_object(lambda: _table(classes), name="classes").lookup(names)
    positive = [classes[1]]
    if is_words(classes):
        names, positive = tf.strings.lower(tf.strings.strip(names)), list(word_sides(classes)[1])
    hits = [tf.equal(names, word) for word in positive]
    return tf.cast(tf.reduce_any(tf.stack(hits), axis=0), tf.float32)


def _table(classes: list[str]) -> tf.lookup.StaticHashTable:
    ids = tf.range(len(classes), dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(classes), ids), -1)
