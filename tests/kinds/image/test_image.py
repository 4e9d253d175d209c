"""Pictures: decoded as their format says, resized by one rule, refused where they are none or too large."""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from stellwerk.kinds.image.keys import Image as Keys
from stellwerk.kinds.parts import accepting


def photo(height: int = 60, width: int = 80, channels: int = 3) -> np.ndarray[Any, Any]:
    """Returns pixels of a smooth scene with some grain, uint8."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [100 + 80 * np.sin(x / (5 + at)) + 40 * np.cos(y / (7 - at)) for at in range(channels)]
    grain = np.random.default_rng(7).normal(0, 4, (height, width, channels))
    return (np.stack(waves, axis=-1) + grain).clip(0, 255).astype(np.uint8)


def file_of(pixels: np.ndarray[Any, Any], kind: str, mode: str | None = None, **options: Any) -> bytes:
    image = Image.fromarray(pixels.squeeze())
    held = io.BytesIO()
    (image.convert(mode) if mode else image).save(held, kind, **options)
    return held.getvalue()


def pillow(data: bytes, size: tuple[int, int], mode: str = "RGB") -> np.ndarray[Any, Any]:
    """Returns what Pillow makes of a file, resized by its own filter, as int."""
    image = Image.open(io.BytesIO(data)).convert(mode).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image, int).reshape(*size, -1)


def bomb(height: int, width: int) -> bytes:
    """Returns the head of a PNG of so many pixels, and nothing behind it."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + ihdr + struct.pack(">I", zlib.crc32(b"IHDR" + ihdr))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


def test_a_picture_becomes_uint8_pixels_of_its_size_and_a_missing_one_black(make):
    png = file_of(photo(), "PNG")
    made = make({"x": [png, None]}, type="image", size=[30, 40])
    assert made.asked == ()
    assert made.line() == {
        "name": "x",
        "feature": "x",
        "kind": "tensor",
        "dtype": "uint8",
        "shape": [30, 40, 3],
    }
    pixels = made.pixels()
    assert (pixels.dtype, pixels.shape) == (np.uint8, (2, 30, 40, 3))
    means = photo().reshape(30, 2, 40, 2, 3).mean(axis=(1, 3))
    assert np.abs(pixels[0] - means).max() <= 0.5
    assert not pixels[1].any()


FORMS = [
    ("JPEG", None), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", None), ("PNG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("BMP", None), ("BMP", "L"),
]  # fmt: skip


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_every_form_of_a_format_is_decoded_as_pillow_does(make, colour):
    files = [file_of(photo(), kind, mode) for kind, mode in FORMS]
    made = make({"x": files}, type="image", size=[60, 80], colour=colour).pixels().astype(int)
    for (kind, mode), data, pixels in zip(FORMS, files, made, strict=True):
        expected = pillow(data, (60, 80), "L" if colour == "grey" else "RGB")
        apart = np.abs(pixels - expected).max()
        assert apart <= (6 if kind == "JPEG" and colour == "grey" else 1), (kind, mode)


def test_progressive_jpeg_and_16_bit_png_are_pictures_too(make):
    wide = io.BytesIO()
    Image.fromarray(photo(channels=1).squeeze().astype(np.uint16) * 257).save(wide, "PNG")
    given = [file_of(photo(), "JPEG", progressive=True), wide.getvalue()]
    made = make({"x": given}, type="image", size=[60, 80]).pixels()
    assert np.abs(made[1, ..., 0].astype(int) - photo(channels=1).squeeze()).max() <= 1
    assert np.abs(made[0].astype(int) - pillow(given[0], (60, 80))).max() <= 1


def test_a_photo_is_turned_as_its_camera_was_held(make):
    files = []
    for order in ("<", ">"):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif.endian = order
            exif[0x010F], exif[0x0112] = "a camera", orientation
            files.append(file_of(photo(60, 80), "JPEG", exif=exif.tobytes(), quality=95))
    made = make({"x": files}, type="image", size=[60, 60], resize="bilinear").pixels().astype(int)
    for data, pixels in zip(files, made, strict=True):
        turned = io.BytesIO()
        ImageOps.exif_transpose(Image.open(io.BytesIO(data))).save(turned, "PNG")
        array = np.asarray(Image.open(turned))
        expected = tf.image.resize(array, [60, 60], "bilinear").numpy().round()
        assert np.abs(pixels - expected).max() <= 1


def test_antialias_is_pillows_bilinear_up_and_down(make):
    data = file_of(photo(), "PNG")
    for size in ([25, 31], [90, 100]):
        made = make({"x": [data]}, type="image", size=size, resize="antialias").pixels()[0]
        assert np.abs(made.astype(int) - pillow(data, tuple(size))).max() <= 1


def test_area_grows_a_picture_as_bilinear_does(make):
    data = file_of(photo(), "PNG")
    area, bilinear = (
        make({"x": [data]}, type="image", size=[90, 100], resize=how).pixels() for how in ("area", "bilinear")
    )
    assert np.array_equal(area, bilinear)


def test_crop_takes_the_middle_and_pad_puts_black_beside(make):
    data = file_of(photo(60, 80), "PNG")
    cropped = make({"x": [data]}, type="image", size=[30, 30], fit="crop").pixels()[0]
    middle = photo(60, 80)[:, 10:70].reshape(30, 2, 30, 2, 3).mean(axis=(1, 3))
    assert np.abs(cropped - middle).max() <= 0.5
    padded = make({"x": [data]}, type="image", size=[40, 40], fit="pad").pixels()[0]
    assert not padded[:5].any()
    assert not padded[35:].any()
    means = photo(60, 80).reshape(30, 2, 40, 2, 3).mean(axis=(1, 3))
    assert np.abs(padded[5:35] - means).max() <= 0.5


def test_a_picture_that_is_too_large_is_refused_by_its_head(make):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must have 1 to\] \[50000000\].*\[40000 40000\]"):
        make({"x": [bomb(40_000, 40_000)]}, type="image")
    small = file_of(photo(10, 11), "JPEG")
    assert make({"x": [small]}, type="image", max_pixels=110, size=[5, 5]).pixels().any()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must have 1 to\] \[109\]"):
        make({"x": [small]}, type="image", max_pixels=109, size=[5, 5])


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(30), b"<svg xmlns='a'/>", b"x", b"RIFF\x00\x00\x00\x00WEBP"])
def test_what_is_no_picture_is_refused_in_a_sentence(make, data):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be a JPEG, PNG or BMP file, and this one is none"):
        make({"x": [data]}, type="image")


def test_a_truncated_picture_is_refused(make):
    for kind in ("JPEG", "PNG"):
        data = file_of(photo(), kind)
        with pytest.raises(tf.errors.InvalidArgumentError):
            make({"x": [data[: len(data) // 2]]}, type="image")


def test_colours_may_be_spelled_either_way():
    assert Keys.model_validate({"type": "image", "color": "gray"}) == Keys(type="image", colour="grey")


def test_a_column_of_other_bytes_is_told_of():
    image, kind = Keys(type="image"), accepting("image")
    assert kind.misfit(image, "x", Counter({file_of(photo(), "PNG"): 3, b"GIF89a": 2})) is None
    key, message = kind.misfit(image, "x", Counter({b"%PDF-1.7": 3, b"": 5, file_of(photo(), "JPEG"): 1}))
    assert key == "type"
    assert "JPEG, PNG, BMP files, but 75%" in message
    assert "b'%PDF-1.7'" in message


def test_bytes_that_are_pictures_are_proposed_as_such(propose):
    choice = propose("image", "photo", [file_of(photo(), "PNG"), None, file_of(photo(), "JPEG")])
    assert choice.settings == {"type": "image", "size": [64, 64]}
    assert choice.why == "pictures (JPEG and PNG); 33% missing"
    assert propose("image", "blob", [b"abc", file_of(photo(), "PNG")]) is None
