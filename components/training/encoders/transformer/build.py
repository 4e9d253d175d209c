"""`encoder: transformer`: every step looks at all others (Vaswani et al., 2017, arXiv:1706.03762)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.steps import Steps, looks, pooled, steps_of
from stellwerk.components.training.encoders.transformer.keys import Transformer
from stellwerk.components.training.networks.attending import (
    LearnedRows,
    attended,
    first_of_its_own,
    products_of_a_layer,
)
from stellwerk.components.training.networks.cost import Cost
from stellwerk.naming import safe


def encode(
    settings: Transformer,
    items: Sequence[ModelInput],
    tensors: Mapping[str, Any],
    hooks: Mapping[str, str],  # noqa: ARG001
) -> Any:
    """Returns one vector of all steps, float32 [batch, width]."""
    (item,) = items
    steps, name = steps_of(item, tensors), safe(item.feature or item.name)
    values = _placed(settings, steps.values, name)
    if settings.pooling == "cls":
        values, real = first_of_its_own(values, steps.real, name)
        steps = Steps(values, real)
    values = attended(values, steps.real, settings.layers, settings.heads, settings.dropout, name)
    return values[:, 0] if settings.pooling == "cls" else pooled(steps, values, settings.pooling)


def _placed(settings: Transformer, values: Any, name: str) -> Any:
    """Returns the steps as vectors of the transformer's width that know their places."""
    if values.shape[-1] != settings.width:
        values = keras.layers.Dense(settings.width, name=f"{name}_in")(values)
    if settings.positions == "learned":
        values = LearnedRows(values.shape[1], name=f"{name}_positions")(values)
    if settings.positions == "sine":
        values = values + sines(values.shape[1], settings.width)
    return keras.layers.Dropout(settings.dropout, name=f"{name}_dropout")(values) if settings.dropout else values


def sines(length: int, width: int) -> np.ndarray[Any, Any]:
    """Returns sines and cosines of each place in wavelengths from 2 pi to 10,000 times that, float32 [length, width] (section 3.5)."""
    each = np.arange(width)
    angles = np.arange(length)[:, None] / 10_000 ** (2 * (each // 2) / width)
    return np.where(each % 2 == 0, np.sin(angles), np.cos(angles)).astype(np.float32)


def width(settings: Transformer, items: Sequence[ModelInput]) -> int:  # noqa: ARG001 - every encoder is asked alike
    """Returns how many numbers a row has in what `encode` gives."""
    return settings.width


def cost(settings: Transformer, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs."""
    length, before = looks(items[0])
    length += settings.pooling == "cls"
    return Cost(length * before * settings.width + settings.layers * products_of_a_layer(length, settings.width))
