"""A folder of pictures, an archive or a place becomes rows: what they are called, their bytes, and what is measured of them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from stellwerk.columns import MEDIA
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.ingestion import shards
from stellwerk.components.ingestion.identity import identities
from stellwerk.components.ingestion.media import members
from stellwerk.components.ingestion.probing import probe
from stellwerk.errors import DataError
from stellwerk.section import SPLITS
from stellwerk.spec.data import Data
from stellwerk.tables import bounds

QUERY = "SELECT content AS photo, folder AS y, file FROM photos"
SHARES = {"by": "hash", "train": 0.5, "eval": 0.25, "test": 0.25}


def picture(seed: int, kind: str = "JPEG", size: tuple[int, int] = (24, 16)) -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (*reversed(size), 3), np.uint8)
    target = io.BytesIO()
    Image.fromarray(values).save(target, kind)
    return target.getvalue()


@pytest.fixture
def folder(write: Callable[[str, str | bytes], Path]) -> dict[str, bytes]:
    """Forty pictures of two classes below `photos/`, and what is none of them beside it."""
    made = {
        f"{kind}/{number:02}.jpg": picture(number + 100 * (kind == "dog"))
        for kind in ("cat", "dog")
        for number in range(20)
    }
    for name, content in made.items():
        write(f"photos/{name}", content)
    write("photos/labels.csv", "file,breed\n")
    write("photos/.thumbnails/a.jpg", b"hidden")
    return made


def spec(path: Any = "photos", query: str | None = QUERY, **more: Any) -> dict[str, Any]:
    source = {"path": path, "format": "images"}
    return {"sources": {"photos": source}, "query": query, "split": SHARES, **more}


def by_file(made: Any) -> dict[str, dict[str, Any]]:
    return {row["file"]: row for row in made.table().to_pylist()}


def test_each_file_is_a_row_with_its_bytes_and_the_folder_that_it_lies_in(run, folder):
    made = run(spec())
    rows = by_file(made)
    assert {name: row["photo"] for name, row in rows.items()} == folder
    assert Counter(row["y"] for row in rows.values()) == {"cat": 20, "dog": 20}
    assert made.manifest["media"] == {"photo": "image"}
    assert made.examples.columns["photo"] == "binary"


def test_without_a_query_the_columns_are_those_of_files(run, folder):
    made = run(spec(query=None), target="folder")
    rows = by_file(made)
    row, content = rows["cat/03.jpg"], folder["cat/03.jpg"]
    assert (row["content"], row["bytes"], row["folder"]) == (content, len(content), "cat")
    assert row["digest"] == hashlib.sha256(content).hexdigest()


def test_what_is_measured_is_beside_each_picture(run, folder):
    made = run(spec())
    row = by_file(made)["dog/07.jpg"]
    facts = {name.removeprefix("photo."): value for name, value in row.items() if name.startswith("photo.")}
    assert set(facts) == {*MEDIA["image"].facts, "digest"}
    assert (facts["width"], facts["height"], facts["channels"], facts["mode"]) == (24, 16, 3, "RGB")
    assert (facts["format"], facts["bytes"], facts["blank"]) == ("JPEG", len(row["photo"]), 0)
    assert facts["digest"] == hashlib.sha256(row["photo"]).hexdigest()


def test_sql_joins_filters_and_reads_what_is_measured_and_moves_no_bytes(run, write, folder):
    write("breeds.csv", "".join(["file,y,legs\n", *(f"{name},{number % 2},4\n" for number, name in enumerate(folder))]))
    query = (
        "SELECT b.y, p.content AS photo, p.content.width * 2 AS twice, p.file FROM photos p "
        "JOIN breeds b USING (file) WHERE p.content.height = 16 AND p.folder = 'cat' ORDER BY p.file DESC"
    )
    data = spec(query=query)
    data["sources"]["breeds"] = {"path": "breeds.csv"}
    rows = by_file(run(data))
    assert {name: row["photo"] for name, row in rows.items()} == {
        name: content for name, content in folder.items() if name.startswith("cat")
    }
    assert {row["twice"] for row in rows.values()} == {48}


def test_a_row_without_a_picture_keeps_its_place(run, write, folder):
    names = [*folder, "cat/gone.jpg"]
    write("breeds.csv", "file,y\n" + "".join(f"{name},{number % 2}\n" for number, name in enumerate(names)))
    data = spec(query="SELECT b.y, p.content AS photo, b.file FROM breeds b LEFT JOIN photos p USING (file)")
    data["sources"]["breeds"] = {"path": "breeds.csv"}
    rows = by_file(run(data))
    assert len(rows) == 41
    assert rows["cat/gone.jpg"]["photo"] is None
    assert rows["cat/gone.jpg"]["photo.width"] is None


def test_a_function_of_bytes_is_refused_where_it_would_see_none(run, folder):
    with pytest.raises(DataError, match=r"data\.query: Binder Error: No function matches"):
        run(spec(query="SELECT octet_length(content) AS y FROM photos"))


def test_equal_pictures_have_one_key(run, write, folder):
    for number, content in enumerate(list(folder.values())[:15]):
        write(f"photos/cat/again{number}.jpg", content)
    made = run(spec(split={**SHARES, "key": ["photo"]}))
    sides = [set(made.split(name)["photo.digest"].to_pylist()) for name in SPLITS]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 40
    assert made.manifest["rows"]["written"] == 55


def test_what_is_measured_does_not_decide_where_a_row_goes(run, folder):
    made = run(spec())
    plain = run(spec(query="SELECT content.digest AS photo, folder AS y, file FROM photos"), to="plain")
    for name in SPLITS:
        assert made.split(name)["file"].to_pylist() == plain.split(name)["file"].to_pylist()


def test_what_is_no_picture_is_set_aside_with_file_and_reason(run, write, folder):
    write("photos/cat/empty.jpg", b"")
    write("photos/cat/half.jpg", folder["cat/00.jpg"][:300])
    write("photos/dog/drawn.svg", "<svg/>")
    made = run(spec(max_bad_share=0.2))
    told = {row["file"]: (row["reason"], row["row"]["file"]) for row in made.quarantine}
    assert told == {
        "photos/cat/empty.jpg": ("empty: 0 bytes", "cat/empty.jpg"),
        "photos/cat/half.jpg": ("JPEG: truncated or damaged", "cat/half.jpg"),
        "photos/dog/drawn.svg": ("SVG: a drawing without pixels; save it as PNG", "dog/drawn.svg"),
    }
    assert made.manifest["rows"]["rejected_before_query"] == 3
    with pytest.raises(DataError, match=r"photos: 3 of 43 rows are bad \(7.0%\), more than data.max_bad_share allows"):
        run(spec(max_bad_share=0.05), to="refused")


def test_no_picture_at_all_is_one_sentence(run, write):
    write("photos/a.jpg", b"no picture")
    with pytest.raises(
        DataError, match=r"none of the 1 files is a picture that can be read: no picture of a known format"
    ):
        run(spec())


def test_a_folder_of_one_class_and_one_without_pictures_say_so(run, write):
    for number in range(12):
        write(f"photos/cat/{number}.jpg", picture(number))
    with pytest.raises(DataError, match="'y' is 'cat' in all 12 rows; there is nothing to learn"):
        run(spec())
    write("notes/a.txt", "none")
    with pytest.raises(DataError, match=r"folder 'notes' holds no data file. Known endings: .jpg"):
        run(spec("notes"))


def test_bytes_count_not_names(run, write, folder):
    write("photos/dog/wrong.jpg", picture(77, "PNG"))
    made = run(spec())
    assert by_file(made)["dog/wrong.jpg"]["photo.format"] == "PNG"
    assert made.manifest["sources"][0]["media"] == {
        "formats": {"JPEG": 40, "PNG": 1},
        "misnamed": 1,
        "of_several_frames": 0,
    }


def _zip(folder: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in folder.items():
            archive.writestr(f"top/{name}", content)
        archive.writestr("top/labels.csv", "a")
    return target.getvalue()


def _tar(folder: dict[str, bytes], mode: str = "w", extra: tarfile.TarInfo | None = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:
        for name, content in folder.items():
            item = tarfile.TarInfo(f"./top/{name}")
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
        if extra is not None:
            archive.addfile(extra)
    return target.getvalue()


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz", "p.tgz", "p.tar.xz"])
def test_an_archive_is_read_as_the_folder_that_it_holds(run, write, folder, name):
    mode = {"gz": "w:gz", "tgz": "w:gz", "xz": "w:xz"}.get(name.rpartition(".")[2], "w")
    write(name, _zip(folder) if name.endswith(".zip") else _tar(folder, mode))
    rows = by_file(run(spec(name)))
    assert {file.removeprefix("top/"): row["photo"] for file, row in rows.items()} == folder
    assert Counter(row["y"] for row in rows.values()) == {"cat": 20, "dog": 20}


def _link() -> tarfile.TarInfo:
    item = tarfile.TarInfo("top/cat/link.jpg")
    item.type, item.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return item


def test_links_in_an_archive_lead_nowhere(run, write, folder):
    write("p.tar", _tar(folder, extra=_link()))
    assert len(by_file(run(spec("p.tar")))) == 40


@pytest.mark.parametrize("name", ["../../out.jpg", "/etc/out.jpg", "top\\..\\..\\out.jpg"])
def test_an_archive_that_names_files_outside_of_itself_is_refused(run, write, folder, name):
    write("p.tar", _tar(folder, extra=tarfile.TarInfo(name)))
    with pytest.raises(DataError, match="points outside the archive"):
        run(spec("p.tar"))


def test_an_archive_that_is_a_bomb_or_damaged_is_refused(run, write, folder, monkeypatch):
    whole = _tar(folder, "w:gz")
    write("p.tar.gz", whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"p.tar.gz: does not unpack: .* The file is damaged"):
        run(spec("p.tar.gz"))
    monkeypatch.setattr(members, "MOST_BYTES", 1 << 20)
    write("p.tar.gz", _tar({"a.jpg": bytes(4 << 20)}, "w:gz"))
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        run(spec("p.tar.gz"), to="bomb")


def test_a_pattern_begins_where_its_first_wildcard_does(run, folder):
    rows = by_file(run(spec("photos/*/*.jpg")))
    assert set(rows) == set(folder)


def test_row_groups_end_at_so_many_bytes_and_are_read_one_at_a_time(run, folder, monkeypatch):
    monkeypatch.setattr(shards, "GROUP_BYTES", 4_000)
    monkeypatch.setattr(shards, "SHARD_BYTES", 12_000)
    made = run(spec())
    described = made.manifest["splits"]["train"]["shards"]
    assert len(described) > 1
    for shard in described:
        with pq.ParquetFile(made.path / shard["path"]) as file:
            column = file.schema_arrow.get_field_index("photo")
            sizes = [
                sum(map(len, file.read_row_group(group, ["photo"])["photo"].to_pylist()))
                for group in range(file.num_row_groups)
            ]
            assert all(size < 4_000 + 1_500 for size in sizes)
            told = file.metadata.row_group(0).column(column)
            assert (told.compression, told.has_dictionary_page, told.is_stats_set) == ("UNCOMPRESSED", False, False)
            assert file.schema_arrow.field("photo").metadata[b"media_type"] == b"image"
    monkeypatch.setattr(bounds, "BATCH_BYTES", 4_000)
    batches = list(Examples.open(made.path).batches("train"))
    assert max(batch.num_rows for batch in batches) < made.examples.rows("train") / 2
    assert sum(batch.num_rows for batch in batches) == made.examples.rows("train")


def test_equal_runs_give_equal_bytes(run, folder):
    first, second = run(spec(), to="one"), run(spec(), to="two")
    assert first.manifest == second.manifest


def test_a_picture_that_moves_to_another_folder_is_other_data(run, write, folder, tmp_path):
    before = run(spec(), to="one"), identities(Data.model_validate(spec()), tmp_path)
    (tmp_path / "photos/cat/19.jpg").rename(tmp_path / "photos/dog/19a.jpg")
    (tmp_path / "photos/dog/19a.jpg").rename(tmp_path / "photos/dog/1.jpg")
    after = run(spec(), to="two"), identities(Data.model_validate(spec()), tmp_path)
    assert before[0].examples.version != after[0].examples.version
    assert before[1] != after[1]


def test_a_look_tells_folders_formats_and_what_would_be_set_aside(write, folder, tmp_path):
    write("photos/cat/empty.jpg", b"")
    write("photos/bird/1.png", picture(5, "PNG"))
    write("photos/dog/moving.gif", _moving())
    seen = probe(Data.model_validate(spec()), tmp_path, [], "y")
    assert seen.columns["photo"] == "binary"
    assert seen.columns["photo.width"] == "int64"
    notes = "\n".join(seen.notes)
    assert "photos: 43 files in 3 folders (cat 21, dog 21, bird 1); they are: JPEG 40, PNG 1, GIF 1." in notes
    assert "photos: 1 hold several pictures, e.g. dog/moving.gif: the first is taken." in notes
    assert "photos: one file only in bird: where folders are classes, it is in one split" in notes
    assert "empty: 0 bytes (1)" in notes
    assert {str(value) for value in seen.values("y").found} == {"cat", "dog", "bird"}


def _moving() -> bytes:
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 200)]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    return target.getvalue()
