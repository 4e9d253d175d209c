"""Optimisers by the name that `train.optimizer.type` gives them: Keras' own, with the whole gradient of a table's row.

A row of an embedding that a batch looks up several times gets as many gradients. Keras on TensorFlow squares each by itself
where an optimiser wants the square of their sum, which is what its formula says and what Keras does on other backends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from stellwerk.spec.train import Optimizer

WARM_UP = 0.05
"""Share of the steps over which the step size rises."""


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


class AdamW(_InOneOperation, keras.optimizers.Adam):  # type: ignore[misc]
    """AdamW (Loshchilov and Hutter, 2019): the decay apart from the gradient, in one pass over the weights where Keras makes four."""

    def __init__(self, learning_rate: Any, decay: float, kept: Sequence[Any]) -> None:
        """`kept` are the weights that do not decay."""
        super().__init__(learning_rate)
        self._decay = decay
        self._lasting = {id(weight.value) for weight in kept}

    def update_step(self: Any, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        """Takes its share off the variable, then updates it."""
        if self._decay and id(variable) not in self._lasting:
            variable.assign_sub(variable * tf.cast(learning_rate * self._decay, variable.dtype))
        super().update_step(gradient, variable, learning_rate)


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
    "sgd": keras.optimizers.SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}


class WarmUpAndCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A step size that rises linearly over the first twentieth of the steps, and falls to 0 as half a cosine."""

    def __init__(self, largest: float, steps: int) -> None:
        """`steps` are those of the whole training."""
        self._largest, self._steps = largest, float(max(steps, 1))

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the step size of the step after `step` others."""
        done = tf.cast(step, tf.float32) + 1.0
        rising = done / tf.maximum(1.0, WARM_UP * self._steps)
        falling = 0.5 * (1.0 + tf.cos(math.pi * tf.minimum(1.0, (done - 1.0) / self._steps)))
        return self._largest * tf.minimum(rising, falling)

    def get_config(self) -> dict[str, float]:
        """Returns what it was made of."""
        return {"largest": self._largest, "steps": self._steps}


def make_optimizer(settings: Optimizer, steps: int, weights: Sequence[Any]) -> Any:
    """Returns the Keras optimiser for `steps` gradient steps on `weights`."""
    rate = settings.learning_rate if settings.schedule == "constant" else WarmUpAndCosine(settings.learning_rate, steps)
    if settings.type in OPTIMIZERS:
        return OPTIMIZERS[settings.type](learning_rate=rate)
    return AdamW(rate, settings.weight_decay, [weight for weight in weights if _lasts(weight)])


def _lasts(weight: Any) -> bool:
    """Biases and the rows of tables stay as they are: a table's row that no batch looks up would fade away."""
    return weight.name in ("bias", "embeddings") or len(weight.shape) < 2
