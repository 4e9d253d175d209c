"""`augment` of a picture: how training varies it, so that few pictures teach as much as many."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.section import Contradiction, Section

Part = Annotated[float, Field(gt=0, le=1)]


class Augment(Section):
    """What is done to a picture at random, another way each time it is learned from; a model that judges or answers sees it as it is."""

    EXAMPLE: ClassVar[str] = """\
features:
  photo: {type: image, augment: {flip: horizontal, rotate: 0.05, brightness: 0.2}}
"""

    flip: Literal["horizontal", "vertical", "both"] | None = None
    """Mirrors every other picture: left and right, top and bottom, or both."""
    translate: Part | None = None
    """Moves it up to so large a part of its height and width; what is missing is mirrored, here and below."""
    rotate: Annotated[float, Field(gt=0, le=0.5)] | None = None
    """Turns it by up to so large a part of a full turn, either way."""
    zoom: Part | None = None
    """Makes it larger or smaller by up to this part."""
    contrast: Part | None = None
    """Multiplies the distance of each pixel from the mean by 1, more or less up to this part."""
    brightness: Part | None = None
    """Makes all pixels brighter or darker by up to this part of the range."""
    noise: Part | None = None
    """Adds noise to each pixel, with this part of the range as its standard deviation."""
    randaugment: Part | None = None
    """RandAugment (Cubuk et al., 2020): two of a dozen changes at random, as strong as this says. It takes fifty times as long as a mirror."""

    @model_validator(mode="after")
    def _does_something(self) -> Augment:
        if not self.model_dump(exclude_none=True):
            raise Contradiction(
                ((), f"says nothing. Name one of {', '.join(type(self).model_fields)}, or leave it out")
            )
        return self
