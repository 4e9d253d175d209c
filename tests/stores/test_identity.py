"""The identity of sources: the same as long as their bytes are, and another as soon as they are not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.ingestion import identity
from stellwerk.components.ingestion.identity import changed, identities
from stellwerk.errors import DataError
from stellwerk.spec.data import Data

SPLIT = {"by": "hash", "key": ["a"]}


def look(folder: Path, path: str = "a.csv") -> dict[str, str]:
    data = {"sources": {"a": {"path": path}}, "split": SPLIT}
    return identities(Data.model_validate(data), folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    return tmp_path


def test_a_file_with_a_new_time_and_the_same_bytes_is_the_same(folder: Path):
    before = look(folder)
    os.utime(folder / "a.csv", (1, 1))
    assert look(folder) == before
    (folder / "a.csv").write_text("a,b\n1,3\n")
    os.utime(folder / "a.csv", (1, 1))
    assert changed(before, look(folder)) == ["a"]


def test_of_large_files_size_and_time_count(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(identity, "READ", 4)
    before = look(folder)
    assert look(folder) == before
    os.utime(folder / "a.csv", (1, 1))
    assert changed(before, look(folder)) == ["a"]


def test_a_file_more_is_another_source(folder: Path):
    before = look(folder, "*.csv")
    (folder / "b.csv").write_text("a,b\n")
    assert changed(before, look(folder, "*.csv")) == ["a"]


def test_an_object_is_what_its_store_says(folder: Path, s3_store: Any):
    s3_store.content.put_object(Bucket="models", Key="a.csv", Body=b"a,b\n1,2\n")
    before = look(folder, "s3://models/a.csv")
    assert look(folder, "s3://models/a.csv") == before
    s3_store.content.put_object(Bucket="models", Key="a.csv", Body=b"a,b\n1,3\n")
    assert changed(before, look(folder, "s3://models/a.csv")) == ["a"]


def test_a_server_that_says_nothing_of_a_file_makes_every_look_another_and_accuses_nobody(folder: Path, web: Any):
    web.files["/a.csv"] = b"a,b\n1,2\n"
    assert look(folder, f"{web.uri}/a.csv") == look(folder, f"{web.uri}/a.csv")
    web.headers.clear()
    first, second = look(folder, f"{web.uri}/a.csv"), look(folder, f"{web.uri}/a.csv")
    assert first != second
    assert changed(first, second) == []


def test_a_path_that_leads_nowhere_is_told(folder: Path):
    with pytest.raises(DataError, match=r"a: no such file: 'b\.csv'"):
        look(folder, "b.csv")
