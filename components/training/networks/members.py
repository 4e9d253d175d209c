"""Layers of networks that lie side by side in one: each member has weights of its own."""

from __future__ import annotations

import math
from typing import Any

import keras

HE, LECUN = 2.0, 1.0
"""Variance of the sum of the inputs that a layer of rectified and of plain units begins with."""


class OfEachMember(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer of each member on its own part of the input: [batch, members, n] to [batch, members, units].

    Keras' `EinsumDense` does the same, but adds a bias of one unit a member as if members were channels in front, which LiteRT does not
    know.
    """

    def __init__(self, units: int, variance: float, bias: Any = "zeros", **named: Any) -> None:
        """`variance` is that of the sum of the inputs, for inputs of variance 1; `bias` is an initialiser."""
        super().__init__(**named)
        self._units, self._variance, self._bias = units, variance, bias

    def build(self, shape: tuple[int | None, int, int]) -> None:
        """Makes the weights."""
        _, members, before = shape
        kernel = keras.initializers.RandomNormal(stddev=math.sqrt(self._variance / before))
        self.kernel = self.add_weight(shape=(members, before, self._units), initializer=kernel, name="kernel")
        self.bias = self.add_weight(shape=(members, self._units), initializer=self._bias, name="bias")

    def call(self, inputs: Any) -> Any:
        """Returns what each member makes of its part."""
        if self._units == 1:  # a sum of products, which matrix products of one column are slow at
            return keras.ops.sum(inputs * self.kernel[..., 0], axis=-1, keepdims=True) + self.bias
        return keras.ops.einsum("bmi,mio->bmo", inputs, self.kernel) + self.bias
