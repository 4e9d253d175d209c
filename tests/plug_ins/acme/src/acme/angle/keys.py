"""The keys of an angle in a spec. Loaded with every spec, so it imports no framework."""

from typing import ClassVar, Literal

from stellwerk.kinds.base import SingleColumn


class Angle(SingleColumn):
    """A direction in degrees; 359 is near 1."""

    TAKES: ClassVar = {"int64": "float", "float": "float"}
    READS: ClassVar = "numbers"
    EXAMPLE: ClassVar[str] = "features:\n  wind: {type: angle}\n"

    type: Literal["angle"]
    clockwise: bool = True
    """Whether the degrees count as on a compass."""


KEYS = Angle
