"""`type: image`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.encoders.augment import Augment
from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import SingleColumn

Pixels = Annotated[int, Field(ge=1, le=4096)]

_SPELLINGS = {"color": "colour"}
_GREYS = {"gray": "grey"}


class Image(SingleColumn):
    """A picture: the bytes of its file, decoded and resized inside the served model. JPEG, PNG and BMP."""

    TAKES: ClassVar[Mapping[str, str]] = {"binary": "binary"}
    LOOKS: ClassVar[Looks | None] = ("tensor", 3)
    ENCODER: ClassVar[str] = "cnn"
    EXAMPLE: ClassVar[str] = """\
features:
  photo: {type: image, size: [128, 128], colour: grey, fit: pad}
"""

    type: Literal["image"]
    size: tuple[Pixels, Pixels] = (128, 128)
    """Height and width in pixels that the network sees."""
    colour: Literal["rgb", "grey"] = "rgb"
    """rgb: three values a pixel; grey: one, its brightness. `color` and `gray` are the same."""
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    """How a picture of another shape fits `size`: stretch: each axis by itself; crop: the middle of it; pad: all of it, with black beside it."""
    resize: Literal["area", "bilinear", "antialias"] = "area"
    """area: the mean of the pixels that become one, bilinear where a picture grows; bilinear: four pixels, whatever lies between, the fastest;
    antialias: a triangle over all of them, the slowest. OpenCV's AREA and LINEAR and Pillow's BILINEAR do the same outside."""
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)] = 50_000_000
    """A picture of more pixels is refused by what its head says, before it is decoded: so small a file may need so much memory."""

    augment: Augment | None = None
    """How training varies it, so that few pictures teach as much as many. The transform does not depend on it."""

    @model_validator(mode="before")
    @classmethod
    def _either_spelling(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        read = {
            _SPELLINGS.get(key, key) if _SPELLINGS.get(key) not in value else key: one for key, one in value.items()
        }
        colour = read.get("colour")
        return {**read, "colour": _GREYS.get(colour, colour)} if isinstance(colour, str) else read

    @property
    def channels(self) -> int:
        """Values of a pixel."""
        return 1 if self.colour == "grey" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what the network sees."""
        return (*self.size, self.channels)


KEYS = Image
