"""`type: dense`: a multilayer perceptron over all features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.cost import Cost, of_layers
from stellwerk.components.training.networks.dense.keys import Dense
from stellwerk.components.training.networks.dropout import Dropout
from stellwerk.components.training.networks.encoding import encoded, encoded_width


def build(architecture: Dense, inputs: Inputs, units: int, hooks: Mapping[str, str]) -> Body:  # noqa: ARG001
    """Returns the hidden layers over all inputs."""
    return Body(perceptron(architecture, encoded(inputs)))


def cost(architecture: Dense, inputs: Sequence[ModelInput], rows: int) -> Cost:  # noqa: ARG001 - every network is asked alike
    """Returns what its layers cost; normalisation takes the mean and deviation of the whole batch."""
    widths = [encoded_width(inputs), *architecture.hidden]
    return Cost(of_layers(widths), whole_batches=architecture.batch_normalization)


def perceptron(architecture: Dense, tensor: Any) -> Any:
    """Returns the hidden layers on `tensor` [batch, n]: dense, normalisation, activation, dropout, in this order."""
    for place, width in enumerate(architecture.hidden, start=1):
        normalised = architecture.batch_normalization
        tensor = keras.layers.Dense(width, use_bias=not normalised, name=f"hidden_{place}")(tensor)
        if normalised:
            tensor = keras.layers.BatchNormalization(synchronized=False, name=f"normalised_{place}")(tensor)
        tensor = keras.layers.Activation(architecture.activation, name=f"active_{place}")(tensor)
        if architecture.dropout:
            tensor = Dropout(architecture.dropout, name=f"dropout_{place}")(tensor)
    return tensor
