"""What tasks with classes share inside the transform graph."""

from __future__ import annotations

import tensorflow as tf


def names_of(raw: tf.Tensor) -> tf.Tensor:
    """Returns the name of each row's class, strings [batch]: whole numbers in decimals."""
    return raw if raw.dtype == tf.string else tf.strings.as_string(tf.cast(raw, tf.int64))
