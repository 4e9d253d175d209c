"""Dropout that draws a byte for each value, where Keras draws a float of four: the random numbers are what it costs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

STEPS = 256
"""A share is some of so many: that of 0.1 is 26/256."""


class Dropout(keras.layers.Dropout):  # type: ignore[misc]
    """Keras' layer, with the share of values that are switched off rounded to a 256th, and to one of them at least.

    Those that stay are scaled by the rounded share, so that the mean of a value is what it was.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, while training with a share of them switched off."""
        if not training:
            return inputs
        off = min(STEPS - 1, max(1, round(self.rate * STEPS)))
        words = tf.size(inputs) // 4 + 1
        seed = tf.cast(tf.math.floormod(self.seed_generator.next(), tf.int32.max - 1), tf.int32)
        drawn = tf.random.stateless_uniform([words], seed, None, None, tf.uint32, alg="philox")
        octets = tf.reshape(tf.bitcast(drawn, tf.uint8), [-1])[: tf.size(inputs)]
        stays = tf.cast(tf.reshape(octets, tf.shape(inputs)) >= off, inputs.dtype)
        return inputs * (stays * (STEPS / (STEPS - off)))
