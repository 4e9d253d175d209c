"""`encoder: lstm`: its section of the spec."""

from __future__ import annotations

from typing import ClassVar, Literal

from stellwerk.components.training.encoders.keys import Recurrent


class Lstm(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): one step after the other, with gates on what is kept."""

    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, encoder: {type: lstm, units: 64, bidirectional: true}}
"""

    type: Literal["lstm"]


KEYS = Lstm
