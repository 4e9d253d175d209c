"""`encoder: gru`: gated recurrent units (Cho et al., 2014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders import recurrent
from stellwerk.components.training.encoders.gru.keys import Gru
from stellwerk.components.training.networks.cost import Cost

GATES = 3


@keras.saving.register_keras_serializable(package="stellwerk")
class GRU(recurrent.ServedAnywhere, keras.layers.GRU):  # type: ignore[misc]
    """Keras' GRU, served without cuDNN."""


def encode(settings: Gru, items: Sequence[ModelInput], tensors: Mapping[str, Any], hooks: Mapping[str, str]) -> Any:  # noqa: ARG001
    """Returns the last state, float32 [batch, units]."""
    return recurrent.encode(GRU, settings, items, tensors)


def width(settings: Gru, items: Sequence[ModelInput]) -> int:  # noqa: ARG001 - every encoder is asked alike
    """Returns how wide the state is."""
    return recurrent.width(settings)


def cost(settings: Gru, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs."""
    return recurrent.cost(settings, items, GATES)
