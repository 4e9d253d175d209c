"""`encoder: transformer`: its section of the spec."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.components.training.encoders.keys import OfSteps, Share, Units
from stellwerk.section import Contradiction


class Transformer(OfSteps):
    """A transformer (Vaswani et al., 2017), normalised before each part: every step looks at all others."""

    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, encoder: {type: transformer, layers: 2, heads: 4}}
"""

    type: Literal["transformer"]
    layers: Annotated[int, Field(ge=1)] = 2
    """How many stand on one another."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Ways in which a layer looks."""
    width: Units = 64
    """Width of the vector of a step; a multiple of `heads`."""
    positions: Literal["learned", "sine", "none"] = "learned"
    """How a step's place is told: a learned vector for each, sines and cosines, or not at all."""
    pooling: Literal["mean", "max", "cls"] = "mean"
    """What becomes of the steps: their mean, the largest values, or a vector of its own that looks at all of them."""
    dropout: Share = 0.1
    """Share of values switched off at random in each part while training."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Transformer:
        if self.width % self.heads:
            message = f"must be a multiple of heads, as each has an equal part of it. Received: {self.width} and {self.heads} heads"
            raise Contradiction((("width",), message))
        return self


KEYS = Transformer
