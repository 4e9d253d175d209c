"""The label, inside the graph like the features; where its raw column is absent, at serving, it leaves the output."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_transform as tft

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.labels import class_names, find_classes, is_words, word_sides
from stellwerk.errors import DataError, did_you_mean
from stellwerk.spec.target import Target

LABEL = "label"


def classes_of(examples: Examples, target: Target) -> list[str]:
    """Returns the classes of the target over all splits (none for regression).

    Raises DataError for a target that is missing or not finite in some row, constant, or of too many values.
    """
    if target.column not in examples.columns:
        raise DataError(
            f"target: there is no column '{target.column}' in the examples.{did_you_mean(target.column, examples.columns)}"
        )
    if target.type == "regression" and examples.columns[target.column] in ("string", "binary"):
        raise DataError(
            f"target: column '{target.column}' is text, but a regression needs numbers. "
            "Use type: multiclass, or convert it with CAST in data.query."
        )
    counts: Counter[str] = Counter()
    low, high = np.inf, -np.inf
    for split in examples.manifest["splits"]:
        for batch in examples.batches(split, [target.column]):
            column = batch.column(0)
            _refuse_missing(column, split, target)
            if target.type == "regression":
                values = np.asarray(column.cast(pa.float32(), safe=False))
                low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
                continue
            try:
                found = pc.value_counts(class_names(column))
            except DataError as error:
                raise DataError(f"target: column '{target.column}' cannot be {target.type}: {error}.") from None
            counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
    if target.type == "regression":
        if low >= high:
            raise DataError(
                f"target: column '{target.column}' has only one value ({low:g}): there is nothing to learn."
            )
        return []
    return find_classes(counts, target)


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
