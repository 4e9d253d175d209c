"""The optimisers do what Keras' own do with a whole gradient, whether it comes whole or as that of some rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from stellwerk.components.training.optimizers import OPTIMIZERS, make_optimizer
from stellwerk.spec.train import Optimizer

KERAS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
}
SHAPE = (6, 3)
STEPS = 50


def _learned(optimizer, gradient):
    weights = keras.Variable(np.ones(SHAPE, np.float32))
    optimizer.build([weights])
    random = np.random.default_rng(7)

    @tf.function
    def step(rows, values):
        optimizer.apply([gradient(rows, values)], [weights])

    for _ in range(STEPS):
        rows = random.integers(0, 4, 20)  # some rows often, two never
        step(tf.constant(rows), tf.constant(random.normal(size=(20, 3)), tf.float32))
    return weights.value.numpy()


def _of_rows(rows, values):
    return tf.IndexedSlices(values, rows, tf.constant(SHAPE))


def _whole(rows, values):
    return tf.math.unsorted_segment_sum(values, rows, SHAPE[0])


@pytest.mark.parametrize("gradient", [_whole, _of_rows])
@pytest.mark.parametrize("kind", sorted(OPTIMIZERS))
def test_a_table_is_learned_as_keras_learns_it_from_the_whole_gradient(kind, gradient):
    expected = _learned(KERAS[kind](learning_rate=0.01), _whole)
    assert np.abs(expected[:4] - 1).min() > 0.001
    assert np.allclose(
        _learned(make_optimizer(Optimizer(type=kind, learning_rate=0.01)), gradient), expected, atol=1e-5
    )
