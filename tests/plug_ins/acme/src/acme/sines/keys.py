"""The section `model` with `type: sines`. Loaded with every spec, so it imports no framework."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.section import Section


class Sines(Section):
    """One layer of sine waves over all features."""

    EXAMPLE: ClassVar[str] = "model: {type: sines, waves: 16}\n"

    type: Literal["sines"]
    waves: Annotated[int, Field(ge=1)] = 8
    """How many there are."""


KEYS = Sines
