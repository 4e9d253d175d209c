"""`encoder: conv1d`: convolutions along the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.conv1d.keys import Conv1d
from stellwerk.components.training.encoders.steps import looks, pooled, steps_of
from stellwerk.components.training.networks.cost import Cost
from stellwerk.naming import safe


def encode(settings: Conv1d, items: Sequence[ModelInput], tensors: Mapping[str, Any], hooks: Mapping[str, str]) -> Any:  # noqa: ARG001
    """Returns what the last convolution finds, float32 [batch, filters]. Padding is 0 before each convolution, and in no pool."""
    (item,) = items
    steps, name = steps_of(item, tensors), safe(item.feature or item.name)
    values = steps.values
    for place, filters in enumerate(settings.blocks):
        layer = keras.layers.Conv1D(
            filters,
            settings.kernel,
            padding="same",
            dilation_rate=settings.dilation**place,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_conv_{place + 1}",
        )
        values = layer(steps.only_real(values))
        if settings.dropout:
            values = keras.layers.Dropout(settings.dropout, name=f"{name}_dropout_{place + 1}")(values)
    if settings.pooling == "flatten":
        return keras.layers.Flatten(name=f"{name}_flat")(steps.only_real(values))
    return pooled(steps, values, settings.pooling)


def width(settings: Conv1d, items: Sequence[ModelInput]) -> int:
    """Returns how many numbers a row has in what `encode` gives."""
    return settings.blocks[-1] * (looks(items[0])[0] if settings.pooling == "flatten" else 1)


def cost(settings: Conv1d, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs."""
    length, before = looks(items[0])
    products = 0
    for filters in settings.blocks:
        products += length * settings.kernel * before * filters
        before = filters
    return Cost(products)
