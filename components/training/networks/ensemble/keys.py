"""`type: ensemble`: its section of the spec."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.components.training.networks.perceptrons import Activation, Units
from stellwerk.section import Section


class Ensemble(Section):
    """Several multilayer perceptrons that learn side by side as one network, beside a linear model; their mean is the answer.

    It is exported mixed with the linear baseline, in the share that is best on the eval split: often none, on few rows often all.
    """

    EXAMPLE: ClassVar[str] = """\
model: {type: ensemble, members: 16, hidden: [64, 64], dropout: 0.2}
"""

    type: Literal["ensemble"]
    members: Annotated[int, Field(ge=1)] = 8
    """How many networks; each begins with weights of its own."""
    hidden: Annotated[tuple[Units, ...], Field(min_length=1)] = (96, 96)
    """Units of each hidden layer of each member."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of units switched off at random after each hidden layer while training."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    bins: Annotated[int, Field(ge=0)] | None = None
    """Numbers are also given by how far they are through each of so many quantile bins (piecewise linear encoding), by default 8 to 32, by the rows; 0: only as they are."""


KEYS = Ensemble
