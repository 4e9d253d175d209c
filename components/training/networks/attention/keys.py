"""`type: attention`: its section of the spec."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.components.training.networks.perceptrons import Units
from stellwerk.section import Contradiction, Section


class Attention(Section):
    """A transformer over the features of a row (Gorishniy et al., 2021): each becomes a vector, and every one looks at all others."""

    EXAMPLE: ClassVar[str] = """\
model: {type: attention, layers: 2, heads: 4}
"""

    type: Literal["attention"]
    layers: Annotated[int, Field(ge=1)] = 2
    """How many stand on one another."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Ways in which a layer looks."""
    width: Units = 32
    """Width of the vector of a feature; a multiple of `heads`."""
    pooling: Literal["cls", "mean"] = "cls"
    """What is answered by: a vector of its own that looks at all features, or the mean of theirs."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of values switched off at random in each part while training."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Attention:
        if self.width % self.heads:
            message = f"must be a multiple of heads, as each has an equal part of it. Received: {self.width} and {self.heads} heads"
            raise Contradiction((("width",), message))
        return self


KEYS = Attention
