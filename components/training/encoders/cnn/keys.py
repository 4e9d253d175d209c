"""`encoder: cnn`: its section of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.components.training.encoders.keys import Share, Units
from stellwerk.encoders.base import EncoderKeys


class Cnn(EncoderKeys):
    """A small convolutional network: blocks of convolutions, each of which halves height and width, and the mean of what they find."""

    TAKES: ClassVar[Mapping[str, tuple[int, ...]] | None] = {"tensor": (3,)}
    EXAMPLE: ClassVar[str] = """\
features:
  photo: {type: image, encoder: {type: cnn, blocks: [32, 64, 128]}}
"""

    type: Literal["cnn"]
    blocks: Annotated[tuple[Units, ...], Field(min_length=1)] | None = None
    """Filters of each block; by default 16, then twice as many as before up to 128, until 4 pixels are left across; two at least."""
    layers: Annotated[int, Field(ge=1)] = 1
    """Convolutions of a block."""
    kernel: Annotated[int, Field(ge=1)] = 3
    """Pixels that a filter sees at once, across and down."""
    residual: bool = False
    """Adds the beginning of a block to its end (He et al., 2016), so that many layers learn."""
    normalization: Literal["none", "batch", "layer"] = "none"
    """After each convolution: over the batch, or over the filters of each pixel."""
    pooling: Literal["flatten", "mean", "max"] = "flatten"
    """What becomes of the last block's pixels: all of them side by side, so that it counts where something is, or the mean or the largest of each filter."""
    dropout: Share = 0.0
    """Share of values switched off at random after each block while training."""


KEYS = Cnn
