"""What the keys of several encoders are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from stellwerk.encoders.base import EncoderKeys

Units = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class OfSteps(EncoderKeys):
    """What reads one step after the other: words in order, or numbers in steps."""

    TAKES: ClassVar[Mapping[str, tuple[int, ...]] | None] = {"tokens": (1,), "tensor": (2,)}


class Recurrent(OfSteps):
    """The keys of networks with a state that each step changes."""

    units: Units = 64
    """Width of the state, of each direction."""
    layers: Annotated[int, Field(ge=1)] = 1
    """How many stand on one another."""
    bidirectional: bool = False
    """Reads from both ends; twice as wide."""
    dropout: Share = 0.0
    """Share of the values of each step switched off at random while training."""
    unroll: bool = False
    """Writes the steps out one by one in the graph, for LiteRT, which has no loops; for short sequences, as training starts later with each step."""
