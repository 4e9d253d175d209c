"""Pictures that are not copied: examples say where they lie, and whoever reads them gets what a copy would have given."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

from stellwerk.columns import REFERENCES
from stellwerk.components.artifacts import references
from stellwerk.components.beam.portions import portions
from stellwerk.components.beam.shared_storage import SharedStorage
from stellwerk.components.ingestion import shards
from stellwerk.components.ingestion.probing import probe
from stellwerk.errors import DataError
from stellwerk.spec.data import Data, Source

KINDS = ("JPEG", "PNG", "WEBP", "BMP")
TURNED = 6


@pytest.fixture
def folder(write: Callable[[str, str | bytes], Path]) -> dict[str, Path]:
    """Forty pictures with umlauts and blanks in their names, among them some that only ingest makes what TensorFlow reads."""
    made = {}
    for number in range(40):
        values = np.random.default_rng(number).integers(0, 256, (16, 24, 3), np.uint8)
        kind, target, exif = KINDS[number % 4], io.BytesIO(), Image.Exif()
        exif[0x0112] = TURNED if number % 8 == 0 else 1
        Image.fromarray(values).save(target, kind, **({"exif": exif} if kind == "JPEG" else {}))
        name = f"{'süß & neu' if number % 3 else 'alt'}/{number:02} 50%.{kind.lower()}"
        made[name] = write(f"photos/{name}", target.getvalue())
    return made


def spec(keep: str, path: str = "photos") -> dict[str, Any]:
    source = {"path": path, "format": "images", "keep": keep}
    split = {"by": "hash", "key": ["photo"], "train": 0.5, "eval": 0.25, "test": 0.25}
    return {
        "sources": {"photos": source},
        "query": "SELECT content AS photo, folder AS y, file FROM photos",
        "split": split,
    }


def test_readers_get_what_a_copy_would_have_given(run, folder):
    copied, referred = run(spec("copy"), to="copied"), run(spec("reference"), to="referred")
    assert referred.table().equals(copied.table())
    assert referred.examples.columns == copied.examples.columns
    assert (referred.manifest["columns"]["photo"], copied.manifest["columns"]["photo"]) == ("reference", "binary")


def test_the_shards_hold_where_each_file_lies_and_its_checksum(run, folder):
    made = run(spec("reference"))
    rows = [row for shard in sorted(made.path.glob("*/*.parquet")) for row in pq.read_table(shard).to_pylist()]
    assert {row["photo"]["uri"] for row in rows} == {path.as_uri() for path in folder.values()}
    assert pq.read_schema(next(made.path.glob("*/*.parquet"))).field("photo").type == REFERENCES.arrow_type
    assert [row["photo"]["bytes"] for row in rows] == [row["photo.bytes"] for row in rows]


def test_a_row_without_a_picture_stays_without(run, write, folder):
    write("labels.csv", "file,y\nnone.jpg,a\n" + "".join(f"{name},b\n" for name in folder))
    data = spec("reference")
    data["sources"]["labels"] = {"path": "labels.csv"}
    data["query"] = "SELECT p.content AS photo, l.y, l.file FROM labels l LEFT JOIN photos p USING (file)"
    rows = {row["file"]: row for row in run(data).table().to_pylist()}
    assert rows["none.jpg"]["photo"] is None
    assert sum(row["photo"] is not None for row in rows.values()) == len(folder)


def test_row_groups_and_batches_are_bounded_by_what_is_read_for_them(run, folder, monkeypatch):
    monkeypatch.setattr(shards, "GROUP_BYTES", 4_000)
    monkeypatch.setattr(references, "BATCH_BYTES", 2_000)
    made = run(spec("reference"))
    shard = next((made.path / "train").glob("*.parquet"))
    groups = pq.ParquetFile(shard).metadata.num_row_groups
    batches = list(made.examples.batches("train", ["photo"]))
    assert 1 < groups < len(batches)
    assert all(batch.num_rows == 1 or batch.nbytes < 2_500 for batch in batches)


def test_portions_of_a_job_give_the_same_rows(run, folder, tmp_path):
    made = run(spec("reference"))
    given = portions(made.examples, "train", SharedStorage(str(tmp_path), copies=False))
    rows = [row for one in given for batch in one.batches(["photo", "file"]) for row in batch.to_pylist()]
    assert rows == made.split("train").select(["photo", "file"]).to_pylist()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "was changed after it was ingested"),
        (lambda path: path.unlink(), "the file is gone, or this machine does not see it"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_named(run, folder, harm, said):
    made = run(spec("reference"))
    path = next(iter(folder.values()))
    harm(path)
    with pytest.raises(DataError) as caught:
        made.table()
    assert f"examples: {path.as_uri()}: {said}" in str(caught.value)
    assert str(caught.value).endswith("Run the pipeline again: it ingests what is there now.")


def test_a_look_at_the_data_sees_pictures(folder, tmp_path):
    seen = probe(Data.model_validate(spec("reference")), tmp_path, [])
    assert seen.columns["photo"] == "reference"
    assert seen.sample.column("photo").to_pylist()[0][:4] == b"\x89PNG"


def test_an_archive_is_copied(run, write, folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name, path in folder.items():
            archive.write(path, name)
    with pytest.raises(
        DataError, match=r"photos: photos.zip: `keep: reference` is for files that lie by themselves. Unpack"
    ):
        run(spec("reference", "photos.zip"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "https://example.org/a.zip", "format": "images"}, "keep: reference is for files of this machine"),
        (
            {"path": "s3://pictures/p", "format": "images", "endpoint": "http://x:1"},
            "endpoint: is not known to the steps",
        ),
        (
            {"path": "gs://pictures/p", "format": "images", "credentials": "anonymous"},
            "credentials: is not known to the steps",
        ),
        ({"path": "t.csv"}, "keep: is for images files. Received: no format"),
        ({"path": "t.csv", "format": "csv"}, "keep: is for images files. Received: format: csv"),
    ],
)
def test_what_cannot_be_referred_to_is_told_by_its_key(source, said):
    with pytest.raises(ValidationError) as caught:
        Source.model_validate({**source, "keep": "reference"})
    assert said in str(caught.value).replace("('keep',), ", "")
