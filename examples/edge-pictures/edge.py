"""Asks a LiteRT variant of a model of pictures on a device: decoded by Pillow, resized as the model's own transform does.

python edge.py models/pets/3/variants/litert_int8 photo.jpg

It needs numpy, Pillow and ai-edge-litert (or TensorFlow), and nothing of Stellwerk.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

MOST_PIXELS = 50_000_000
Pixels = np.ndarray[Any, Any]


def pixels(file: Path, height: int, width: int, channels: int) -> Pixels:
    """Returns a picture as the network takes it, uint8 [height, width, channels]: `fit: stretch`, `resize: area`."""
    with Image.open(file) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise SystemExit(f"{file}: more than {MOST_PIXELS:,} pixels")
        upright = ImageOps.exif_transpose(picture).convert("L" if channels == 1 else "RGB")
    image = np.asarray(upright, np.float32).reshape(upright.height, upright.width, channels)
    weights = _area if upright.height >= height and upright.width >= width else _bilinear
    rows, columns = weights(upright.height, height), weights(upright.width, width)
    made = np.einsum("yh,hwc,xw->yxc", rows, image, columns, optimize=True)
    return np.rint(made).astype(np.uint8)


def _area(size: int, wanted: int) -> Pixels:
    """Returns how much each of `size` pixels counts in each of the `wanted` ones: by the length that they have in common."""
    step, old = size / wanted, np.arange(size)
    start = np.arange(wanted)[:, None] * step
    shared = np.minimum(start + step, old + 1) - np.maximum(start, old)
    return (shared.clip(0) / step).astype(np.float32)


def _bilinear(size: int, wanted: int) -> Pixels:
    """Returns the same where a picture grows: by how near the middles are."""
    middle = ((np.arange(wanted) + 0.5) * size / wanted - 0.5).clip(0, size - 1)
    return (1 - np.abs(middle[:, None] - np.arange(size))).clip(0).astype(np.float32)


def ask(variant: Path, file: Path) -> dict[str, Pixels]:
    """Returns what a LiteRT variant answers for a picture, by output."""
    about = json.loads((variant / "variant.json").read_text())
    ((name, taken),) = about["inputs"].items()
    runner = _interpreter(variant / about["file"]).get_signature_runner()
    image = pixels(file, *taken["shape"][1:])
    return dict(runner(**{name: image[None].astype(taken["dtype"])}))


def _interpreter(model: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - one of the two is there
    except ImportError:
        from tensorflow import lite  # noqa: PLC0415

        return lite.Interpreter(str(model))
    return Interpreter(str(model))


if __name__ == "__main__":
    for output, values in ask(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(output, values[0].round(4).tolist())
