"""Files that change while they are read: what was read is one state of each file, or the step says which one changed."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.file_states import difference, state, steady_digest
from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.ingestion.identity import identities
from stellwerk.components.ingestion.work import ingest
from stellwerk.errors import DataError
from stellwerk.spec.data import Data
from stellwerk.spec.target import Target

ROWS = 200_000
DATA = Data.model_validate({"sources": {"rows": {"path": "rows.csv"}}, "split": {"by": "hash", "key": ["a"]}})


def rows(first: int, count: int = ROWS) -> str:
    return "a,y\n" + "".join(f"{first + number},{number % 2}\n" for number in range(count))


def read(folder: Path, data: Data = DATA, **options: Any) -> Examples:
    target = Target.model_validate({"column": "y", "type": "binary"})
    ingest(data=data, directory=folder, numbers=[], target=target, examples=folder / "examples", **options)
    return Examples.open(folder / "examples")


def overwrite(path: Path) -> None:
    with path.open("r+") as file:
        file.write(rows(ROWS, 1_000))


def grow(path: Path) -> None:
    with path.open("a") as file:
        file.write("1,1\n" * 5_000)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_text(path.read_text()[::-1])
    other.replace(path)


def rewrite_with_its_time(path: Path) -> None:
    before = path.stat()
    content = path.read_text()
    path.rename(path.with_name("before"))  # so that its inode is not the new one's
    path.write_text(content.replace("199999,1", "199999,0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (overwrite, "overwritten"),
        (grow, "grew from"),
        (cut, "was cut from"),
        (replace, "replaced"),
        (Path.unlink, "vanished"),
        (rewrite_with_its_time, "replaced"),
    ],
)
def test_a_file_that_is_changed_while_it_is_read_is_named_and_nothing_is_written(
    tmp_path: Path, change: Callable[[Path], None], said: str
):
    path = tmp_path / "rows.csv"
    path.write_text(rows(0))
    todo = [change]

    def progress(*_: Any) -> None:
        if todo:
            todo.pop()(path)

    with pytest.raises(DataError, match=rf"^rows: rows\.csv: it .*{said}.* while it was read\. Run again"):
        read(tmp_path, progress=progress)
    assert not todo
    assert not (tmp_path / "examples").exists()


def test_the_digest_in_the_manifest_is_that_of_the_bytes_that_became_rows(tmp_path: Path):
    (tmp_path / "rows.csv").write_text(rows(0))
    (source,) = read(tmp_path).manifest["sources"]
    assert source["sha256"] == sha256(rows(0).encode()).hexdigest()


def test_a_file_replaced_since_the_key_was_made_is_named(tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text(rows(0))
    expected = {"rows": [file_digest(path)]}
    assert read(tmp_path, expected=expected).rows("train")
    path.write_text(rows(5))
    with pytest.raises(DataError, match=r"^rows: rows\.csv: it was changed since the run began"):
        read(tmp_path, expected=expected)


def test_a_file_more_than_the_key_knows_is_told(tmp_path: Path):
    data = Data.model_validate({"sources": {"rows": {"path": "*.csv"}}, "split": {"by": "hash", "key": ["a"]}})
    (tmp_path / "a.csv").write_text(rows(0, 100))
    expected = {"rows": [file_digest(tmp_path / "a.csv")]}
    (tmp_path / "b.csv").write_text(rows(100, 100))
    with pytest.raises(DataError, match="it had 1 files when the run began, and has 2"):
        read(tmp_path, data, expected=expected)


def test_an_archive_counts_by_its_own_bytes(tmp_path: Path):
    data = Data.model_validate({"sources": {"rows": {"path": "rows.csv.zip"}}, "split": {"by": "hash", "key": ["a"]}})
    path = tmp_path / "rows.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", rows(0, 1000))
    assert read(tmp_path, data, expected={"rows": [file_digest(path)]}).rows("train")


def test_an_object_of_another_generation_than_the_key_knows_is_told(tmp_path: Path, s3_store: Any):
    data = Data.model_validate(
        {"sources": {"rows": {"path": "s3://models/rows.csv"}}, "split": {"by": "hash", "key": ["a"]}}
    )
    s3_store.content.put_object(Bucket="models", Key="rows.csv", Body=rows(0, 1000).encode())
    before = identities(data, tmp_path)
    assert read(tmp_path, data, identity=before).rows("train")
    s3_store.content.put_object(Bucket="models", Key="rows.csv", Body=rows(1, 1000).encode())
    with pytest.raises(DataError, match=r"changed since the run began: s3://models/rows\.csv\. Run again"):
        read(tmp_path, data, identity=before)


def test_two_writes_within_one_tick_of_the_clock_look_different(tmp_path: Path):
    path = tmp_path / "a"
    for _ in range(20):
        path.write_text("1")
        before = state(path)
        path.write_text("2")
        assert difference(path, before) == "was overwritten"


def test_a_digest_is_of_one_state_of_a_file(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("1")
    seen, digest = steady_digest(path)
    assert (seen, digest) == (state(path), sha256(b"1").hexdigest())
    path.unlink()
    with pytest.raises(DataError, match="there is no such file any more"):
        steady_digest(path)


def test_a_copy_of_an_object_that_is_damaged_is_copied_again(tmp_path: Path, s3_store: Any):
    data = Data.model_validate(
        {"sources": {"rows": {"path": "s3://models/rows.csv"}}, "split": {"by": "hash", "key": ["a"]}}
    )
    s3_store.content.put_object(Bucket="models", Key="rows.csv", Body=rows(0, 1000).encode())
    before = read(tmp_path, data, kept=tmp_path / "kept").version
    (copy,) = (tmp_path / "kept").glob("*/object.csv")
    looks = copy.stat()
    copy.write_bytes(copy.read_bytes().replace(b"999,1", b"999,0"))
    os.utime(copy, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    assert read(tmp_path, data, kept=tmp_path / "kept").version == before
    assert copy.read_bytes() == rows(0, 1000).encode()
