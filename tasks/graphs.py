"""What tasks with classes share inside the transform graph."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft


def names_of(raw: tf.Tensor) -> tf.Tensor:
    """Returns the name of each row's class, strings [batch]: whole numbers in decimals."""
    return raw if raw.dtype == tf.string else tf.strings.as_string(tf.cast(raw, tf.int64))


def places_of(names: tf.Tensor, classes: list[str]) -> tf.Tensor:
    """Returns the place of each name among the classes, int64; -1 for none of them."""
    return tft.make_and_track_object(lambda: _table(classes), name="classes").lookup(names)


def _table(classes: list[str]) -> tf.lookup.StaticHashTable:
    ids = tf.range(len(classes), dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(classes), ids), -1)
