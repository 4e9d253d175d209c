"""Small pictures for pages, made of the pixels alone."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from stellwerk.kinds.image.drawing import SIDE, drawn


def _file(height: int, width: int, kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (height // 10 + 1, width // 10 + 1, 3), np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).resize((width, height)).save(held, kind, **options)
    return held.getvalue()


def _opened(uri: str) -> Image.Image:
    head, content = uri.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_photo_becomes_small_and_loses_what_its_camera_wrote():
    exif = Image.Exif()
    exif[0x010F] = "somebody's camera"
    uri = drawn(_file(600, 800, "JPEG", exif=exif.tobytes()))
    small = _opened(uri)
    assert small.size == (SIDE, 72)
    assert not small.getexif()
    assert b"somebody" not in base64.b64decode(uri.split(",")[1])
    assert len(uri) < 8_000


def test_a_tiny_picture_stays_as_it_is():
    assert _opened(drawn(_file(28, 20, "PNG"))).size == (20, 28)


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_what_is_no_picture_is_not_drawn(data):
    assert drawn(data) is None
