"""Pictures in a bucket are the same data as the same pictures in a folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.ingestion.identity import identities
from stellwerk.components.ingestion.work import ingest
from stellwerk.errors import DataError
from stellwerk.spec.data import Data
from stellwerk.spec.target import Target

SPLIT = {"by": "hash", "train": 0.5, "eval": 0.25, "test": 0.25}


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    made = {}
    for number in range(24):
        target = io.BytesIO()
        values = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(values).save(target, "PNG")
        made[f"{('cat', 'dog')[number % 2]}/{number:02}.png"] = target.getvalue()
    return made


def _data(path: str, keep: str = "copy") -> Data:
    source = {"path": path, "format": "images", "keep": keep}
    return Data.model_validate({"sources": {"photos": source}, "split": SPLIT})


@pytest.fixture
def ingested(tmp_path: Path) -> Callable[[str], Examples]:
    def run(path: str, keep: str = "copy") -> Examples:
        folder = tmp_path / f"examples{len(list(tmp_path.glob('examples*')))}"
        target = Target(column="folder", type="binary")
        ingest(data=_data(path, keep), directory=tmp_path, numbers=[], target=target, examples=folder)
        return Examples.open(folder)

    return run


def _rows(examples: Examples) -> list[dict[str, Any]]:
    return [
        row for split in ("train", "eval", "test") for batch in examples.batches(split) for row in batch.to_pylist()
    ]


def test_pictures_that_stay_in_their_bucket_are_read_from_there(stored, ingested, pictures):
    for name, content in pictures.items():
        stored.put(f"photos/{name}", content)
    made = ingested(f"{stored.uri}/photos/", keep="reference")
    assert {row["file"]: row["content"] for row in _rows(made)} == pictures
    stored.put("photos/cat/00.png", pictures["dog/01.png"])
    with pytest.raises(DataError, match=f"examples: {stored.uri}/photos/cat/00.png: was changed after it was ingested"):
        _rows(made)
    stored.delete("photos/cat/00.png")
    with pytest.raises(DataError, match=f"examples: {stored.uri}/photos/cat/00.png: the file is gone"):
        _rows(made)


def test_a_prefix_is_read_as_a_folder_is(s3, ingested, pictures, tmp_path):
    for name, content in pictures.items():
        s3.put(f"photos/{name}", content)
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    s3.put("photos/labels.csv", b"file\n")
    there, here = ingested(f"{s3.uri}/photos"), ingested("photos")
    assert {row["file"]: row["content"] for row in _rows(there)} == pictures
    assert _rows(there) == _rows(here)
    assert there.version == here.version
    assert there.manifest["sources"][0]["files"][0]["path"] == f"{s3.uri}/photos/"


def test_an_archive_in_a_bucket_is_read(s3, ingested, pictures):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in pictures.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    s3.put("photos.tar.gz", target.getvalue())
    assert {row["file"]: row["content"] for row in _rows(ingested(f"{s3.uri}/photos.tar.gz"))} == pictures


def test_a_picture_that_changes_changes_the_identity(s3, pictures, tmp_path):
    for name, content in list(pictures.items())[:4]:
        s3.put(f"photos/{name}", content)
    before = identities(_data(f"{s3.uri}/photos"), tmp_path)
    s3.put(f"photos/{next(iter(pictures))}", b"another")
    assert identities(_data(f"{s3.uri}/photos"), tmp_path) != before
