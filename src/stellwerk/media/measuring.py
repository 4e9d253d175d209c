"""What is measured of every picture: enough to see that it is dark, blurred, empty, or there twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SMALL = 256
"""Pixels of the longer side that brightness and sharpness are measured at."""
BLANK = 1.0
"""Of a picture whose grey values deviate less than this, of 255, one says that nothing is on it."""
HASH_SIDE = 8


@dataclass(frozen=True)
class Measures:
    """Numbers of one picture."""

    brightness: float
    """Mean of the grey values, 0 to 255."""
    sharpness: float
    """Variance of the Laplacian of the grey values: low where it is blurred (Pech-Pacheco et al., 2000)."""
    blank: int
    """1 where all grey values are about the same."""
    hash: str
    """64 bits that say of each grey value of a 9 x 8 thumbnail whether the next is brighter, in 16 hexadecimal digits: pictures
    that look alike differ in few (dHash, Krawetz, 2013)."""


def measured(picture: Image) -> Measures:
    """Returns the measures of a decoded picture of 8 bits a channel."""
    from PIL.Image import Resampling  # noqa: PLC0415 - an extra

    grey = picture.convert("L")
    small = np.asarray(grey.reduce(max(1, -(-max(grey.size) // SMALL))), np.float32)
    thumbnail = np.asarray(grey.resize((HASH_SIDE + 1, HASH_SIDE), Resampling.BOX), np.int16)
    bits = np.packbits(thumbnail[:, 1:] > thumbnail[:, :-1])
    return Measures(
        brightness=round(float(small.mean()), 3),
        sharpness=round(_sharpness(small), 3),
        blank=int(small.std() < BLANK),
        hash=bits.tobytes().hex(),
    )


def _sharpness(grey: np.ndarray[Any, Any]) -> float:
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var())
