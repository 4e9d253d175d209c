"""`encoder: lstm`: long short-term memory (Hochreiter and Schmidhuber, 1997)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders import recurrent
from stellwerk.components.training.encoders.lstm.keys import Lstm
from stellwerk.components.training.networks.cost import Cost

GATES = 4


@keras.saving.register_keras_serializable(package="stellwerk")
class LSTM(recurrent.ServedAnywhere, keras.layers.LSTM):  # type: ignore[misc]
    """Keras' LSTM, served without cuDNN."""


def encode(settings: Lstm, items: Sequence[ModelInput], tensors: Mapping[str, Any], hooks: Mapping[str, str]) -> Any:  # noqa: ARG001
    """Returns the last state, float32 [batch, units]."""
    return recurrent.encode(LSTM, settings, items, tensors)


def width(settings: Lstm, items: Sequence[ModelInput]) -> int:  # noqa: ARG001 - every encoder is asked alike
    """Returns how wide the state is."""
    return recurrent.width(settings)


def cost(settings: Lstm, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs."""
    return recurrent.cost(settings, items, GATES)
