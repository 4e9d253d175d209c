"""`encoder: conv1d`: its section of the spec."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.components.training.encoders.keys import OfSteps, Share, Units


class Conv1d(OfSteps):
    """Convolutions along the steps, each on the one before, and the largest (or the mean) of what they find."""

    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, encoder: {type: conv1d, blocks: [64, 64], kernel: 5}}
"""

    type: Literal["conv1d"]
    blocks: Annotated[tuple[Units, ...], Field(min_length=1)] = (64, 64)
    """Filters of each convolution."""
    kernel: Annotated[int, Field(ge=1)] = 3
    """Steps that a filter sees at once."""
    dilation: Annotated[int, Field(ge=1)] = 1
    """Each convolution sees steps so many times as far apart as the one before: with 2, five blocks of kernel 3 see 63 steps."""
    pooling: Literal["max", "mean", "flatten"] = "max"
    """What becomes of the steps: the largest of each filter, the mean, or all of them side by side, where it matters when."""
    dropout: Share = 0.0
    """Share of values switched off at random after each convolution while training."""


KEYS = Conv1d
