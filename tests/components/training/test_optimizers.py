"""The optimisers do what Keras' own do with a whole gradient, whether it comes whole or as that of some rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from stellwerk.components.training.optimizers import WarmUpAndCosine, make_optimizer
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


def _learned(make, gradient):
    weights = keras.Variable(np.ones(SHAPE, np.float32))
    optimizer = make(weights)
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
@pytest.mark.parametrize("kind", sorted(KERAS))
def test_a_table_is_learned_as_keras_learns_it_from_the_whole_gradient(kind, gradient):
    settings = Optimizer(type=kind, learning_rate=0.01, schedule="constant", weight_decay=0.004)
    expected = _learned(lambda _: KERAS[kind](learning_rate=0.01), _whole)
    assert np.abs(expected[:4] - 1).min() > 0.001
    assert np.allclose(
        _learned(lambda weights: make_optimizer(settings, STEPS, [weights]), gradient), expected, atol=1e-5
    )


def test_biases_and_the_rows_of_tables_do_not_decay():
    kernel, bias = (keras.Variable(np.ones((2, 2), np.float32), name=name) for name in ("kernel", "bias"))
    optimizer = make_optimizer(Optimizer(schedule="constant", weight_decay=0.5, learning_rate=0.1), 1, [kernel, bias])
    optimizer.build([kernel, bias])
    optimizer.apply([np.zeros((2, 2), np.float32)] * 2, [kernel, bias])
    assert kernel.numpy() == pytest.approx(np.full((2, 2), 0.95))
    assert bias.numpy() == pytest.approx(np.ones((2, 2)))


def test_the_step_size_rises_over_the_first_twentieth_of_the_steps_and_falls_to_nothing():
    rate = WarmUpAndCosine(0.1, 1000)
    sizes = [float(rate(step)) for step in range(1000)]
    assert sizes[0] == pytest.approx(0.1 / 50)
    assert max(sizes) == pytest.approx(0.1, rel=0.01)
    assert 40 < int(np.argmax(sizes)) < 60
    assert sizes[499] == pytest.approx(0.05, rel=0.01)
    assert sizes[-1] < 1e-6
    assert sorted(sizes[60:], reverse=True) == sizes[60:]
