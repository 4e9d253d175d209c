"""The section `encoder` with `type: harmonics`. Loaded with every spec, so it imports no framework."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.encoders.base import EncoderKeys


class Harmonics(EncoderKeys):
    """Sine and cosine of an angle, of twice the angle, and so on."""

    TAKES: ClassVar = {"turn": (1,)}
    EXAMPLE: ClassVar[str] = "features:\n  wind: {type: angle, encoder: {type: harmonics, most: 3}}\n"

    type: Literal["harmonics"]
    most: Annotated[int, Field(ge=1)] = 2
    """Up to how many times the angle."""


KEYS = Harmonics
