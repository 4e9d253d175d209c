"""`type: dense`: its section of the spec."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.components.training.networks.perceptrons import Activation, Units
from stellwerk.section import Section


class Dense(Section):
    """A multilayer perceptron over all features."""

    EXAMPLE: ClassVar[str] = """\
model: {type: dense, hidden: [128, 64], dropout: 0.1}
"""

    type: Literal["dense"]
    hidden: tuple[Units, ...] = (128, 64)
    """Units of each hidden layer."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of units switched off at random after each hidden layer while training."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    batch_normalization: bool = False
    """Normalises each hidden layer's output over the batch."""


KEYS = Dense
