"""`encoder: cnn`: a small convolutional network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.cnn.keys import Cnn
from stellwerk.components.training.encoders.steps import numbers
from stellwerk.components.training.networks.cost import Cost
from stellwerk.naming import safe

FIRST, MOST = 16, 128
"""Filters of the first block, and of any, where the spec names none."""
FEW, SMALL = 4, 2
"""Pixels that the last block may leave then, and the fewest blocks."""


def blocks_of(settings: Cnn, item: ModelInput) -> tuple[int, ...]:
    """Returns the filters of each block: what the spec says, or so many that few pixels are left of the picture."""
    if settings.blocks is not None:
        return settings.blocks
    pixels, blocks = max(item.shape[:2]), [FIRST]
    while len(blocks) < SMALL or pixels / 2 ** len(blocks) > FEW:
        blocks.append(min(MOST, 2 * blocks[-1]))
    return tuple(blocks)


def encode(settings: Cnn, items: Sequence[ModelInput], tensors: Mapping[str, Any], hooks: Mapping[str, str]) -> Any:  # noqa: ARG001
    """Returns what the last block finds, float32 [batch, filters]."""
    (item,) = items
    name = safe(item.feature or item.name)
    values = numbers(item, tensors[item.name])
    for place, filters in enumerate(blocks_of(settings, item), start=1):
        values = _block(settings, values, filters, f"{name}_{place}")
    if settings.pooling == "flatten":
        return keras.layers.Flatten(name=f"{name}_flat")(values)
    return (keras.ops.max if settings.pooling == "max" else keras.ops.mean)(values, axis=(1, 2))


def _block(settings: Cnn, values: Any, filters: int, name: str) -> Any:
    """Returns convolutions of [batch, height, width, channels], at half the height and width."""
    begun = values
    for place in range(1, settings.layers + 1):
        values = _convolved(settings, values, filters, f"{name}_conv_{place}")
        if place < settings.layers or not settings.residual:
            values = keras.layers.Activation("relu", name=f"{name}_active_{place}")(values)
    if settings.residual:
        if begun.shape[-1] != filters:
            begun = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_beside")(begun)
        values = keras.layers.Activation("relu", name=f"{name}_active")(values + begun)
    if min(values.shape[1:3]) > 1:
        values = keras.layers.MaxPooling2D(2, name=f"{name}_halved")(values)
    return keras.layers.Dropout(settings.dropout, name=f"{name}_dropout")(values) if settings.dropout else values


def _convolved(settings: Cnn, values: Any, filters: int, name: str) -> Any:
    plain = settings.normalization == "none"
    layer = keras.layers.Conv2D(
        filters, settings.kernel, padding="same", use_bias=plain, kernel_initializer="he_normal", name=name
    )
    if settings.normalization == "batch":
        return keras.layers.BatchNormalization(synchronized=False, name=f"{name}_normalised")(layer(values))
    if settings.normalization == "layer":
        return keras.layers.LayerNormalization(name=f"{name}_normalised")(layer(values))
    return layer(values)


def width(settings: Cnn, items: Sequence[ModelInput]) -> int:
    """Returns how many numbers a row has in what `encode` gives."""
    height, across = items[0].shape[:2]
    blocks = blocks_of(settings, items[0])
    for _ in blocks:
        height, across = _halved(height, across)
    return blocks[-1] * (height * across if settings.pooling == "flatten" else 1)


def cost(settings: Cnn, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs; normalisation takes the mean and deviation of the whole batch."""
    height, across, before = items[0].shape
    products = 0
    for filters in blocks_of(settings, items[0]):
        once, more = settings.kernel**2 * before * filters, settings.kernel**2 * filters * filters
        beside = before * filters if settings.residual and before != filters else 0
        products += height * across * (once + (settings.layers - 1) * more + beside)
        height, across = _halved(height, across)
        before = filters
    return Cost(products, whole_batches=settings.normalization == "batch")


def _halved(height: int, across: int) -> tuple[int, int]:
    return (height // 2, across // 2) if min(height, across) > 1 else (height, across)
