"""`type: image`: decoded and resized. What else becomes of the pixels is the network's: they are uint8 here."""

from __future__ import annotations

from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.image.decoding import pixels_of
from stellwerk.kinds.image.keys import Image
from stellwerk.kinds.transforming import Asked, Known, each


def measured(name: str, feature: Image, columns: Columns) -> dict[str, Asked]:  # noqa: ARG001 - every feature is asked alike
    """Asks for nothing: what pixels are like on average is for the network to learn."""
    return {}


@each
def transform(name: str, feature: Image, columns: Columns, known: Known) -> list[outputs.Output]:  # noqa: ARG001
    """Returns the pixels, uint8 [batch, height, width, channels]."""
    pictures = columns.whole(*feature.columns_of(name))
    return [outputs.tensor(name, name, pixels_of(pictures, feature), "uint8")]
