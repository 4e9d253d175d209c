"""Optimisers by the name that `train.optimizer.type` gives them: Keras' own, with the whole gradient of a table's row.

A row of an embedding that a batch looks up several times gets as many gradients. Keras on TensorFlow squares each by itself
where an optimiser wants the square of their sum, which is what its formula says and what Keras does on other backends.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from stellwerk.spec.train import Optimizer


class _InOneOperation:
    """Adam's update of a weight, fourteen operations in Keras, as the one that TensorFlow has for it.

    The formula is the same: Kingma and Ba, Adam, 2015, the variant at the end of section 2.
    """

    def update_step(self: Any, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        """Updates `variable` and its two moments; the gradient may be that of some rows."""
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )


class Adam(_InOneOperation, keras.optimizers.Adam):  # type: ignore[misc]
    """Keras' Adam, faster."""


class AdamW(_InOneOperation, keras.optimizers.AdamW):  # type: ignore[misc]
    """Keras' AdamW, faster."""


class _OfDistinctRows:
    """Adds up the gradients of each row before they are squared."""

    def update_step(self: Any, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        """Updates `variable` by its gradient, which may be that of some rows, several times the same."""
        if isinstance(gradient, tf.IndexedSlices):
            rows, places = tf.unique(gradient.indices)
            values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
            gradient = tf.IndexedSlices(values, rows, gradient.dense_shape)
        super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]


class RMSprop(_OfDistinctRows, keras.optimizers.RMSprop):  # type: ignore[misc]
    """Keras' RMSprop."""


class Adagrad(_OfDistinctRows, keras.optimizers.Adagrad):  # type: ignore[misc]
    """Keras' Adagrad."""


OPTIMIZERS: dict[str, type[Any]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}


def make_optimizer(settings: Optimizer) -> Any:
    """Returns the Keras optimiser."""
    return OPTIMIZERS[settings.type](learning_rate=settings.learning_rate)
