"""Whatever a picture was, it becomes a JPEG or a PNG, upright, with pixels and nothing else."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pydicom.data
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, ImageOps
from tests.stellwerk.media.picture_files import chunk, pixels_of, saved

from stellwerk.media import sniffing
from stellwerk.media.limits import MOST_PIXELS, Unreadable

CAMERA, PLACE, ORIENTATION = 0x010F, 0x8825, 0x0112


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[ORIENTATION], found[CAMERA] = orientation, "a camera"
    found[PLACE] = {1: "N", 2: (52.0, 30.0, 0.0)}
    return found


@pytest.mark.parametrize(
    "settings", [{}, {"progressive": True}, {"comment": b"who"}, {"exif": exif(1)}, {"restart_marker_rows": 1}]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_upright_jpeg_keeps_every_pixel_and_loses_all_that_is_none(photo, read, mode, settings):
    content = saved(photo.convert(mode), "JPEG", **settings)
    found = read(content + b"what stands behind the end")
    assert (found.format, found.mode, found.channels) == ("JPEG", mode, 3 if mode == "RGB" else 1)
    np.testing.assert_array_equal(pixels_of(found.content), pixels_of(content))
    made = Image.open(io.BytesIO(found.content))
    assert (made.format, dict(made.getexif())) == ("JPEG", {})
    assert "comment" not in made.info
    assert b"a camera" not in found.content
    assert found.content.endswith(b"\xff\xd9")


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied_once(photo, read, kind, orientation):
    content = saved(photo, kind, exif=exif(orientation))
    found = read(content)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    np.testing.assert_array_equal(pixels_of(found.content), upright)
    assert (found.height, found.width) == upright.shape[:2]
    assert dict(Image.open(io.BytesIO(found.content)).getexif()) == {}
    assert read(found.content).content == found.content, "a standard form stays as it is"


def test_a_cmyk_jpeg_becomes_rgb(photo, read):
    content = saved(photo.convert("CMYK"), "JPEG")
    found = read(content)
    assert (found.mode, found.channels) == ("CMYK", 3)
    np.testing.assert_array_equal(pixels_of(found.content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_other_formats_become_png(noise, read, kind):
    content = saved(noise, kind, **({"lossless": True} if kind == "WEBP" else {}))
    found = read(content)
    assert Image.open(io.BytesIO(found.content)).format == "PNG"
    np.testing.assert_array_equal(pixels_of(found.content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
    assert (found.width, found.height, found.channels) == (30, 20, 3)


def test_heif_becomes_png(noise, read):
    target = io.BytesIO()
    pillow_heif.from_pillow(noise).save(target, quality=-1)
    found = read(target.getvalue())
    assert found.format == "HEIF"
    assert Image.open(io.BytesIO(found.content)).format == "PNG"
    np.testing.assert_array_equal(pixels_of(found.content), pillow_heif.read_heif(target).to_pillow())


def test_of_an_animation_the_first_frame_is_taken(noise, read):
    other = ImageOps.invert(noise)
    found = read(saved(noise, "GIF", save_all=True, append_images=[other]))
    assert found.frames == 2
    assert np.abs(pixels_of(found.content).astype(int) - np.asarray(noise)).mean() < 10


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4)])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_16_bits_stay_16_bits(read, shape, dtype):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(0).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    target = io.BytesIO()
    tifffile.imwrite(target, values, photometric="rgb" if len(shape) == 3 else "minisblack")
    found = read(target.getvalue())
    assert found.mode.endswith(";16")
    decoded = tf.io.decode_png(found.content, dtype=tf.uint16).numpy()
    np.testing.assert_array_equal(decoded.reshape(shape).astype(int), values.astype(int) - limits.min)
    assert read(found.content).content == found.content, "a PNG of 16 bits is a standard form"


def test_planes_of_a_geotiff_become_channels(read):
    planes = np.random.default_rng(0).integers(0, 2**16, (4, 8, 6), np.uint16)
    target = io.BytesIO()
    tifffile.imwrite(target, planes, photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"])
    found = read(target.getvalue())
    assert (found.height, found.width, found.channels) == (8, 6, 4)
    np.testing.assert_array_equal(pixels_of(found.content), np.moveaxis(planes >> 8, 0, -1))


def test_values_of_a_ct_are_hounsfield_units_and_32768(read):
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    told = pydicom.dcmread(path)
    with open(path, "rb") as file:  # noqa: PTH123
        content = file.read()
    found = read(content)
    units = told.pixel_array * float(told.RescaleSlope) + float(told.RescaleIntercept)
    decoded = tf.io.decode_png(found.content, dtype=tf.uint16).numpy()[:, :, 0]
    np.testing.assert_array_equal(decoded, units + 32768)
    assert str(told.PatientName).encode() in content
    assert str(told.PatientName).encode() not in found.content


def test_the_same_bytes_give_the_same_bytes(photo, read):
    content = saved(photo, "BMP")
    assert read(content) == read(content)


def _bomb() -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def _channels() -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, np.zeros((5, 6, 13), np.uint8), photometric="minisblack", planarconfig="contig")
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty: 0 bytes"),
        (b"hello, I am no picture at all", "no picture of a known format"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG: a drawing without pixels"),
        (_bomb(), f"more than {MOST_PIXELS:,} pixels"),
        (_channels(), "TIFF: 13 channels, and a picture has 1 to 4"),
        (b"II*\0" + bytes(40), "TIFF: truncated or damaged"),
        (bytes(128) + b"DICM" + bytes(40), "DICOM: "),
    ],
)
def test_what_is_no_picture_says_why(read, content, why):
    with pytest.raises(Unreadable, match=why):
        read(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_picture_is_refused(photo, read, kind, share):
    content = saved(photo, kind)
    with pytest.raises(Unreadable, match="truncated or damaged"):
        read(content[: int(len(content) * share)])


def test_names_count_for_nothing(noise):
    assert sniffing.format_of(saved(noise, "PNG")) == "PNG"
    assert not sniffing.is_named("a.jpg", "PNG")
    assert sniffing.is_named("a.JPEG", "JPEG")
    assert sniffing.is_named("IM0001", "DICOM")
