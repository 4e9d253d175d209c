"""`encoder: file.py:function`: its section of the spec."""

from __future__ import annotations

from typing import ClassVar, Literal

from stellwerk.encoders.base import EncoderKeys
from stellwerk.section import Hook


class CustomEncoder(EncoderKeys):
    """A function of the user's own, for a feature of any kind. `encoder: file.py:function` is short for `{encode: file.py:function}`."""

    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, encoder: {encode: encoders.py:pooled, parameters: {units: 32}}}
"""

    type: Literal["custom"] = "custom"
    encode: Hook
    """`file.py:function`; called with the Keras inputs of the feature by name and `parameters`, returns a Keras tensor [batch, n]."""
    parameters: dict[str, bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]] = {}
    """Keyword arguments for the function."""


KEYS = CustomEncoder
