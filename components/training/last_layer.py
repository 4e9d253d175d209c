"""The last layer of a network: as many scores as the task's head has units, of one network or of each of its members."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from stellwerk.components.training.networks.body import Body
from stellwerk.components.training.networks.members import LECUN, OfEachMember
from stellwerk.tasks.heads import Head

SCORES = "scores"
"""Name of the last layer."""


def complete(head: Head, body: Body) -> tuple[Any, Any]:
    """Returns what learns and what answers, Keras tensors, from what a builder gave.

    Both are the same [batch, units], but of a body of several members: each of them learns by its own answer [batch, members,
    units], and their mean is the model's.
    """
    bias = keras.initializers.Constant(head.prior())
    linear = body.linear
    if len(body.hidden.shape) == 2:
        scores = keras.layers.Dense(head.units, bias_initializer=bias, name=SCORES)(body.hidden)
        outputs = head.output(_with_linear(scores, linear))
        return outputs, outputs
    scores = OfEachMember(head.units, LECUN / 100, bias, name=SCORES)(body.hidden)
    shared = None if linear is None else keras.layers.Reshape((1, head.units), name="for_every_member")(linear)
    outputs = head.output(_with_linear(scores, shared))
    return outputs, keras.ops.mean(outputs, axis=1)


def _with_linear(scores: Any, linear: Any) -> Any:
    return scores if linear is None else keras.layers.Add(name="wide_and_deep")([scores, linear])


def beside(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the label of each row [batch, ...] once for every member that answered it: [batch, members, ...]."""
    if outputs.shape.rank == 2:
        return labels
    shape = tf.concat([tf.shape(outputs)[:-1], tf.shape(labels)[1:]], 0)
    return tf.broadcast_to(tf.expand_dims(labels, 1), shape)
