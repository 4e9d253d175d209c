"""Annotations as COCO has them: one JSON object with images, categories, and what is on which image. Made a row an annotation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stellwerk.errors import DataError

MOST_BYTES = 1 << 30
"""Of a file, which is held in memory whole, several times as large as on disk."""
BATCH_ROWS = 65_536
_PARTS = ("images", "annotations", "categories")


def batches(path: Path, where: str) -> Iterator[Any]:
    """Yields a row for each annotation, and one for each image without any.

    `file` is the name of the image, `label` that of the category; `x`, `y`, `width` and `height` are the box in pixels, from the upper left
    corner, missing where an annotation is of the whole image; `image_width` and `image_height` are what the file says of the image. Raises
    DataError, which begins with `where`, for a file that is no COCO.
    """
    import pyarrow as pa  # noqa: PLC0415 - only for annotations

    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("file", "label")),
            *((name, pa.float64()) for name in ("x", "y", "width", "height", "area")),
            *((name, pa.int64()) for name in ("crowd", "image", "annotation", "image_width", "image_height")),
        ]
    )
    rows = _rows(_read(path, where), where)
    for start in range(0, len(rows), BATCH_ROWS):
        try:
            yield pa.RecordBatch.from_pylist(rows[start : start + BATCH_ROWS], schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(f"{where}: is no COCO file: {error}. Export it again.") from None


def _read(path: Path, where: str) -> Mapping[str, Any]:
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{where}: has more than {MOST_BYTES >> 20:,} MB. Divide it, or make a JSONL file of it.")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: is no JSON: {error}. Export it again.") from None
    lacking = [part for part in _PARTS if not isinstance(content, dict) or not isinstance(content.get(part), list)]
    if lacking:
        raise DataError(
            f"{where}: is no COCO file: it has no list '{lacking[0]}'. Such a file is an object with {', '.join(_PARTS)}."
        )
    found: Mapping[str, Any] = content
    return found


def _rows(content: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    try:
        images = {image["id"]: image for image in content["images"]}
        labels = {category["id"]: str(category["name"]) for category in content["categories"]}
        rows = [_row(one, images[one["image_id"]], labels[one["category_id"]]) for one in content["annotations"]]
        annotated = {one["image_id"] for one in content["annotations"]}
        return rows + [_of_image(image) for id_, image in images.items() if id_ not in annotated]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        missing = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{where}: is no COCO file: {missing}. Export it again.") from None


def _row(one: Mapping[str, Any], image: Mapping[str, Any], label: str) -> dict[str, Any]:
    box: Sequence[float | None] = one.get("bbox") or (None,) * 4
    x, y, width, height = box
    return {
        **_of_image(image),
        "label": label,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "area": one.get("area"),
        "crowd": one.get("iscrowd"),
        "annotation": one.get("id"),
    }


def _of_image(image: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file": str(image["file_name"]),
        "image": image["id"],
        "image_width": image.get("width"),
        "image_height": image.get("height"),
    }
