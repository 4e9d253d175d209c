"""A file's bytes as a picture in standard form, and what is known of it. Decoded once, whole: what decodes here decodes everywhere."""

from __future__ import annotations

import hashlib
import io
import logging
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from stellwerk.errors import DataError
from stellwerk.media import jpeg, png, sniffing
from stellwerk.media.limits import MOST_BYTES, MOST_PIXELS, Room, Unreadable, check_pixels
from stellwerk.media.measuring import Measures, measured

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

INSTALL = "pip install 'stellwerk[images]'"
UPRIGHT = 1
_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 258
_WHOLE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Modes of Pillow with 8 bits a channel, or fewer."""


@dataclass(frozen=True)
class Picture:
    """One picture in standard form."""

    content: bytes
    """A JPEG or a PNG."""
    digest: str
    """SHA-256 of that."""
    format: str
    """What the file was."""
    mode: str
    """How its pixels were written there, as Pillow calls it; with 16 bits a channel it ends in `;16`."""
    width: int
    height: int
    """Pixels, once it is upright."""
    channels: int
    measures: Measures
    frames: int = 1
    """Pictures in the file, of which this is the first."""


@cache
def _pillow() -> Any:
    """Returns Pillow's module of images, with the readers for HEIF where the library is there. Raises DataError without Pillow."""
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError:
        raise DataError(f"pictures are read by Pillow, which is not installed: {INSTALL}.") from None
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # `check_pixels` refuses by itself
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what is wrong with a file, its reason says
    return Image


def standardised(content: bytes, room: Room) -> Picture:
    """Returns the picture that a file's bytes hold. Raises Unreadable for what is none, or too large; DataError without the libraries."""
    known = _known(content)
    try:
        if known == sniffing.DICOM:
            return _of_samples(content, known, room)
        if known == sniffing.TIFF and not _is_of_bytes(content):
            return _of_samples(content, known, room)
        if known == sniffing.HEIF:
            _read_heif()
        with _opened(content, known) as picture:
            check_pixels(*picture.size)
            with room.of(picture.width * picture.height):
                return _of_pillow(content, picture, known)
    except ImportError as error:
        raise DataError(f"{known} files are read by {error.name}, which is not installed: {INSTALL}.") from None


def standard_form(content: bytes, room: Room) -> bytes:
    """Returns `standardised(content, room).content` of bytes that were decoded before: a JPEG that stays as it is, is not decoded again.

    A PNG is: what turns it may stand behind its pixels.
    """
    known = _known(content)
    if known in (sniffing.JPEG, sniffing.PNG):
        with _opened(content, known) as picture:
            if _stays(picture, known):
                return _stripped(content, known)
    return standardised(content, room).content


def _known(content: bytes) -> str:
    if not content:
        raise Unreadable("empty: 0 bytes")
    if len(content) > MOST_BYTES:
        raise Unreadable(f"larger than {MOST_BYTES >> 20} MB")
    known = sniffing.format_of(content)
    if known is None:
        raise Unreadable("no picture of a known format")
    if known == sniffing.SVG:
        raise Unreadable("SVG: a drawing without pixels; save it as PNG")
    return known


@cache
def _read_heif() -> None:
    """Teaches Pillow HEIF; AVIF it knows."""
    import pillow_heif  # noqa: PLC0415 - an extra

    _pillow()
    pillow_heif.register_heif_opener(thumbnails=False)


def _opened(content: bytes, known: str) -> Image:
    """Reads the header. Raises Unreadable where it is damaged, or tells of too many pixels."""
    pillow = _pillow()
    try:
        opened: Image = pillow.open(io.BytesIO(content))
    except pillow.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception:  # whatever the readers make of damaged bytes
        raise Unreadable(f"{known}: truncated or damaged") from None
    return opened


def _is_of_bytes(content: bytes) -> bool:
    """Tells whether Pillow reads a TIFF without cutting its samples."""
    try:
        with _opened(content, sniffing.TIFF) as picture:
            bits = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
            return picture.mode in _WHOLE and max(bits) <= 8
    except Unreadable:
        return False


def _of_pillow(content: bytes, picture: Image, known: str) -> Picture:
    from PIL import ImageOps  # noqa: PLC0415

    frames = getattr(picture, "n_frames", 1) if known in (sniffing.GIF, sniffing.WEBP, sniffing.TIFF) else 1
    mode = picture.mode
    try:
        stays = _stays(picture, known)
        picture.load()
        upright = picture if stays else ImageOps.exif_transpose(picture)
    except Exception:
        raise Unreadable(f"{known}: truncated or damaged") from None
    if stays:
        deep = known == sniffing.PNG and content[24] == 16
        shown = _shown(upright) if upright.mode.startswith("I") else _plain(upright)
        return _made(_stripped(content, known), shown, known, f"{mode.partition(';')[0]};16" if deep else mode, frames)
    plain = _plain(upright)
    return _made(_as_png(plain), plain, known, mode, frames)


def _stays(picture: Image, known: str) -> bool:
    """Tells whether a file holds the standard form, but for what is not pixels; that shows without decoding it."""
    if known == sniffing.PNG or (known == sniffing.JPEG and picture.mode in ("L", "RGB")):
        return picture.getexif().get(_ORIENTATION, UPRIGHT) in (0, UPRIGHT)
    return False


def _stripped(content: bytes, known: str) -> bytes:
    return jpeg.stripped(content) if known == sniffing.JPEG else png.stripped(content)


def _shown(picture: Image) -> Image:
    """Returns a grey picture of 16 bits with 8."""
    import numpy as np  # noqa: PLC0415

    grey: Image = _pillow().fromarray((np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return grey


def _plain(picture: Image) -> Image:
    """Returns a picture as grey, RGB, or one of them with transparency."""
    if picture.mode in ("L", "LA", "RGB", "RGBA"):
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    seen_through = picture.mode == "PA" or "transparency" in picture.info
    return picture.convert("RGBA" if seen_through else "RGB")


def _as_png(picture: Image) -> bytes:
    target = io.BytesIO()
    bare: Image = picture.copy()
    bare.info = {}
    bare.save(target, "PNG")
    return target.getvalue()


def _of_samples(content: bytes, known: str, room: Room) -> Picture:
    """Reads what Pillow would cut to 8 bits."""
    from stellwerk.media import samples  # noqa: PLC0415 - only for such files

    with room.of(MOST_PIXELS // 2):  # how many there are shows once it is opened
        pixels, frames = samples.of_dicom(content) if known == sniffing.DICOM else samples.of_tiff(content)
        deep = pixels.dtype.itemsize == 2
        image = _pillow().fromarray(_squeezed((pixels >> 8).astype("uint8") if deep else pixels))
        written = png.written(pixels) if deep else _as_png(image)
        return _made(written, image, known, f"{image.mode};16" if deep else image.mode, frames)


def _squeezed(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _made(content: bytes, shown: Image, known: str, mode: str, frames: int = 1) -> Picture:
    digest = hashlib.sha256(content).hexdigest()
    channels = len(shown.getbands())
    return Picture(content, digest, known, mode, shown.width, shown.height, channels, measured(shown), frames)
