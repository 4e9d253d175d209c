"""The label of a target of several classes inside the transform graph."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.tasks.graphs import names_of, places_of


def label(raw: tf.Tensor, classes: list[str]) -> tf.Tensor:
    """Returns the place of each row's class, int64 [batch]; -1 for none of them."""
    return places_of(names_of(raw), classes)
