"""The label of a target of several labels a row inside the transform graph."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.columns import BETWEEN_LABELS
from stellwerk.tasks.graphs import places_of


def label(raw: tf.Tensor, classes: list[str]) -> tf.Tensor:
    """Returns 1 for each label of a row and 0 for every other, float32 [batch, labels]."""
    names = tf.strings.split(raw, BETWEEN_LABELS)
    places = places_of(names.values, classes)
    known = tf.where(places >= 0)[:, 0]
    cells = tf.gather(tf.stack([names.value_rowids(), places], axis=1), known)
    shape = tf.stack([names.nrows(), tf.constant(len(classes), tf.int64)])
    found = tf.minimum(tf.scatter_nd(cells, tf.ones(tf.shape(known)), shape), 1.0)
    return tf.ensure_shape(found, [None, len(classes)])
