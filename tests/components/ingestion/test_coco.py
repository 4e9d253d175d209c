"""Annotations of COCO are a table: a row an annotation, joined with the pictures that it names."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stellwerk.errors import DataError

COUNT = 24


def _coco(**other: Any) -> dict[str, Any]:
    images = [{"id": 7 + n, "file_name": f"{n:02}.png", "width": 8, "height": 6} for n in range(COUNT)]
    boxed = [
        {"id": n, "image_id": 7 + n, "category_id": 1 + n % 2, "bbox": [n, 1.5, 2, 3], "area": 6.0, "iscrowd": 0}
        for n in range(COUNT - 2)
    ]
    whole = {"id": 99, "image_id": 7, "category_id": 2}
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return {"images": images, "annotations": [*boxed, whole], "categories": categories, **other}


def _spec(query: str) -> dict[str, Any]:
    sources = {"marks": {"path": "marks.json", "format": "coco"}}
    split = {"by": "hash", "key": ["file"], "train": 0.5, "eval": 0.25, "test": 0.25}
    return {"sources": sources, "query": query, "split": split}


def test_an_annotation_is_a_row_with_its_label_and_its_box(run, write):
    write("marks.json", json.dumps(_coco()))
    made = run(_spec("SELECT *, COALESCE(label, 'none') AS kind FROM marks"), target="kind", kind="multiclass")
    rows = sorted(made.table().to_pylist(), key=lambda row: (row["file"], row["annotation"] or 0))
    assert len(rows) == COUNT + 1, "22 boxes, one of a whole image, and two images without any"
    boxed = next(row for row in rows if row["annotation"] == 3)
    assert (boxed["file"], boxed["label"]) == ("03.png", "dog")
    assert [boxed[name] for name in ("x", "y", "width", "height", "area")] == [3, 1.5, 2, 3, 6]
    whole = next(row for row in rows if row["annotation"] == 99)
    assert (whole["file"], whole["label"], whole["x"], whole["image_width"]) == ("00.png", "dog", None, 8)
    bare = [row["file"] for row in rows if row["label"] is None]
    assert bare == ["22.png", "23.png"]


def test_annotations_join_the_pictures_that_they_name(run, write, tmp_path):
    write("marks.json", json.dumps(_coco()))
    (tmp_path / "photos").mkdir()
    for number in range(COUNT):
        Image.fromarray(np.full((6, 8), number, np.uint8)).save(tmp_path / "photos" / f"{number:02}.png")
    data = _spec(
        "SELECT p.content AS photo, m.label AS y, file FROM photos p JOIN marks m USING (file) WHERE m.label IS NOT NULL"
    )
    data["sources"]["photos"] = {"path": "photos", "format": "images"}
    made = run(data)
    brightness = {row["file"]: row["photo.brightness"] for row in made.table().to_pylist()}
    assert brightness == {f"{number:02}.png": number for number in range(COUNT - 2)}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[1, 2", "is no JSON"),
        ("[]", "is no COCO file: it has no list 'images'"),
        (json.dumps(_coco(categories=[])), "is no COCO file: there is no 1"),
        (json.dumps(_coco(images=[{"id": 7}])), "is no COCO file: there is no 'file_name'"),
        (
            json.dumps({**_coco(), "annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2]}]}),
            "is no COCO file",
        ),
    ],
)
def test_what_is_no_coco_says_what_is_missing(run, write, content, why):
    write("marks.json", content)
    with pytest.raises(DataError, match=f"marks.json: {why}"):
        run(_spec("SELECT label AS y, file FROM marks"))
