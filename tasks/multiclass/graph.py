"""The label of a target of several classes inside the transform graph."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from stellwerk.tasks.graphs import names_of


def label(raw: tf.Tensor, classes: list[str]) -> tf.Tensor:
    """Returns the place of each row's class, int64 [batch]; -1 for none of them."""
    return tft.make_and_track_object(lambda: _table(classes), name="classes").lookup(names_of(raw))


def _table(classes: list[str]) -> tf.lookup.StaticHashTable:
    ids = tf.range(len(classes), dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(classes), ids), -1)
