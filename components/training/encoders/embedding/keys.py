"""`encoder: embedding`: its section of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from stellwerk.encoders.base import EncoderKeys


class Embedding(EncoderKeys):
    """The learned vectors of the words of a text, pooled: their order does not count. As wide as `embedding` of the feature."""

    TAKES: ClassVar[Mapping[str, tuple[int, ...]] | None] = {"tokens": (1,)}
    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, encoder: {type: embedding, pooling: attention}}
"""

    type: Literal["embedding"]
    pooling: Literal["mean", "max", "sum", "attention"] = "mean"
    """What becomes of the vectors: their mean, largest values, sum, or their mean with learned weights."""


KEYS = Embedding
