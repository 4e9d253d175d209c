"""The part of an angle in the transform graph, which is that of the served model."""

import math

import tensorflow as tf

from stellwerk.kinds import outputs
from stellwerk.kinds.transforming import each


def measured(name, feature, columns):
    """Asks for nothing of the training split."""
    return {}


@each
def transform(name, feature, columns, known):
    """Returns sine and cosine, float32 [batch, 2]: the form `turn`. Both are 0 where the angle is missing."""
    degrees = columns.number(*feature.columns_of(name))
    radians = degrees * (math.pi / 180) * (1 if feature.clockwise else -1)
    circle = tf.stack([tf.sin(radians), tf.cos(radians)], axis=1)
    circle = tf.where(tf.math.is_nan(degrees)[:, tf.newaxis], 0.0, circle)
    return [outputs.Output(name, circle, {"name": name, "feature": name, "kind": "turn", "width": 2})]
