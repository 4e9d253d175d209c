"""The label of a binary target inside the transform graph."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.tasks.classes import is_words, word_sides
from stellwerk.tasks.graphs import names_of


def label(raw: tf.Tensor, classes: list[str]) -> tf.Tensor:
    """Returns 1 for the positive class and 0 for any other value, float32 [batch]."""
    names, positive = names_of(raw), [classes[1]]
    if is_words(classes):
        names, positive = tf.strings.lower(tf.strings.strip(names)), list(word_sides(classes)[1])
    hits = [tf.equal(names, word) for word in positive]
    return tf.cast(tf.reduce_any(tf.stack(hits), axis=0), tf.float32)
