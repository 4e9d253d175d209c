"""Layers of networks that lie side by side in one: each member has weights of its own."""

from __future__ import annotations

import math
from typing import Any

import keras

HE, LECUN = 2.0, 1.0
"""Variance of the sum of the inputs that a layer of rectified and of plain units begins with."""


def of_each_member(tensor: Any, units: int, name: str, variance: float, bias: Any = "zeros") -> Any:
    """Returns a dense layer of each member on its own part of `tensor`: [batch, members, n] to [batch, members, units]."""
    _, members, before = tensor.shape
    kernel = keras.initializers.RandomNormal(stddev=math.sqrt(variance / before))
    layer = keras.layers.EinsumDense(
        "bmi,mio->bmo", (members, units), bias_axes="mo", kernel_initializer=kernel, bias_initializer=bias, name=name
    )
    return layer(tensor)
