"""What encoders with a state have in common: layers of cells, one direction or both, padding left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.keys import Recurrent
from stellwerk.components.training.encoders.steps import looks, steps_of
from stellwerk.components.training.networks.cost import Cost
from stellwerk.naming import safe


class ServedAnywhere:
    """Learns by cuDNN where there is a GPU, and answers by plain operations, which every machine and other runtimes have."""

    def inner_loop(self: Any, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Goes over the steps."""
        if not training:
            return keras.layers.RNN.inner_loop(self, sequences, initial_state, mask, training=training)
        keras_own: Any = super()
        return keras_own.inner_loop(sequences, initial_state, mask, training=training)


def encode(cell: Any, settings: Recurrent, items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> Any:
    """Returns the state after the last step, float32 [batch, units]; of both directions side by side."""
    (item,) = items
    steps = steps_of(item, tensors)
    values, name = steps.values, safe(item.feature or item.name)
    for place in range(1, settings.layers + 1):
        layer = cell(
            settings.units,
            return_sequences=place < settings.layers,
            dropout=settings.dropout,
            unroll=settings.unroll,
            name=f"{name}_{settings.type}_{place}",
        )
        if settings.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"{name}_both_{place}")
        values = layer(values, mask=steps.real)
    return values


def width(settings: Recurrent) -> int:
    """Returns how many numbers a row has in what `encode` gives."""
    return settings.units * (2 if settings.bidirectional else 1)


def cost(settings: Recurrent, items: Sequence[ModelInput], gates: int) -> Cost:
    """Returns what a row costs, for cells with so many gates."""
    (item,) = items
    length, before = looks(item)
    products = 0
    for _ in range(settings.layers):
        products += length * gates * width(settings) * (before + settings.units)
        before = width(settings)
    return Cost(products)
