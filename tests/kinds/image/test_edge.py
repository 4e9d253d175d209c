"""The client of the example makes the pixels that the model's own graph makes."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from stellwerk.kinds.image.decoding import pixels_of
from stellwerk.kinds.image.keys import Image as Keys

EDGE = Path(__file__).parents[3] / "examples" / "edge-pictures" / "edge.py"


@pytest.fixture(scope="module")
def edge():
    spec = importlib.util.spec_from_file_location("edge", EDGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _photo(height: int, width: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 7), (x + y) % 256], axis=-1)
    return Image.fromarray(waves.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "colour", "size", "apart"),
    [("JPEG", "rgb", (37, 50), 1), ("JPEG", "rgb", (200, 170), 1), ("PNG", "grey", (28, 28), 1), ("JPEG", "grey", (37, 50), 6)],
)  # fmt: skip
def test_pixels_differ_by_no_more_than_the_example_says(edge, tmp_path, kind, colour, size, apart):
    held = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    _photo(120, 160).save(held, kind, **({"exif": exif.tobytes(), "quality": 92} if kind == "JPEG" else {}))
    feature = Keys(type="image", size=size, colour=colour)
    expected = pixels_of(tf.constant([held.getvalue()]), feature).numpy()[0]
    (tmp_path / "photo").write_bytes(held.getvalue())
    made = edge.pixels(tmp_path / "photo", *feature.shape)
    assert made.dtype == np.uint8
    assert np.abs(made.astype(int) - expected).max() <= apart
