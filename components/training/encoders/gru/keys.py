"""`encoder: gru`: its section of the spec."""

from __future__ import annotations

from typing import ClassVar, Literal

from stellwerk.components.training.encoders.keys import Recurrent


class Gru(Recurrent):
    """Gated recurrent units (Cho et al., 2014): one step after the other, with fewer gates than an LSTM."""

    EXAMPLE: ClassVar[str] = """\
features:
  review: {type: text, encoding: tokens, encoder: {type: gru, units: 64, bidirectional: true}}
"""

    type: Literal["gru"]


KEYS = Gru
