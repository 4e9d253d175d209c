"""Examples in an object store are read as from a folder: the same rows and statistics, no copy, and never half of two states."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.artifacts import stored as stored_module
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.packing import Packing
from stellwerk.components.training.reading import Reader
from stellwerk.components.validation import statistics
from stellwerk.components.validation.beam import statistics_on
from stellwerk.errors import DataError
from stellwerk.spec.beam import Beam
from stellwerk.stores import reading

ROWS = 3000


@pytest.fixture
def folder(tmp_path: Path, make_examples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Examples in small row groups, two shards of the train split; a request brings little, as with large data."""
    monkeypatch.setattr(stored_module, "AHEAD", 4096)
    row, random = np.arange(ROWS), np.random.default_rng(1)
    table = pa.table(
        {
            "n": row,
            "x": pa.array((row * 7919 % 1009 / 7).astype(np.float32), mask=row % 11 == 0),
            "c": [f"c{number % 7}" for number in row],
            "picture": pa.array([random.bytes(200) for _ in row], pa.binary()),
            "label": (row % 2).astype(np.float32),
        }
    )
    path = make_examples(tmp_path / "examples", table)
    manifest = read_json(path / "dataset.json")
    train = manifest["splits"]["train"]
    whole = pq.read_table(path / "train" / "part-00000.parquet")
    train["shards"] = [{"path": f"train/part-{number}.parquet", "rows": 1200} for number in range(2)]
    for number, shard in enumerate(train["shards"]):
        pq.write_table(whole.slice(1200 * number, 1200), path / shard["path"], row_group_size=250)
    (path / "train" / "part-00000.parquet").unlink()
    write_json(path / "dataset.json", manifest)
    return path


@pytest.fixture
def uri(folder: Path, stored: Any) -> str:
    """The same in a bucket."""
    for file in folder.rglob("*.*"):
        stored.put(f"run/examples/{file.relative_to(folder).as_posix()}", file.read_bytes())
    stored.asked.clear()
    return f"{stored.uri}/run/examples"


def _table(examples: Examples, split: str, *columns: str) -> list[pa.RecordBatch]:
    return list(examples.batches(split, columns or None, rows=400))


def test_batches_are_those_of_the_folder_and_nothing_is_written(folder, uri, stored, monkeypatch):
    monkeypatch.setattr(tempfile, "mkstemp", None)
    here, there = Examples.open(folder), Examples.open(uri)
    assert (there.version, there.columns, there.rows("train")) == (here.version, here.columns, here.rows("train"))
    for split in ("train", "eval", "test"):
        assert _table(there, split) == _table(here, split)
        assert there.names(split) == here.names(split)
    assert _table(there, "train", "c", "n") == _table(here, "train", "c", "n")
    assert {method for method, _ in stored.asked} <= {"GET", "HEAD"}


def test_columns_are_read_without_the_others_and_row_groups_one_by_one(folder, uri, monkeypatch):
    asked: list[int] = []
    pieces = reading.pieces

    def counted(item: Any, start: int, end: int) -> Any:
        asked.append(end - start)
        return pieces(item, start, end)

    there = Examples.open(uri)
    monkeypatch.setattr(reading, "pieces", counted)
    whole = sum((folder / shard["path"]).stat().st_size for shard in there.manifest["splits"]["train"]["shards"])
    _table(there, "train", "c", "x")
    few, _ = sum(asked), asked.clear()
    assert few < whole / 2, "pictures are left where they are"
    _table(there, "train")
    assert max(asked) < whole / 5, "no request is for more than a row group"


def test_training_sees_the_rows_of_the_folder_in_the_same_order(folder, uri):
    packing = Packing((ModelInput("x", "number"), ModelInput("n", "id", size=ROWS, embedding=2)), "label", False)
    here, there = (Reader(Examples.open(place), packing, 32, 200 * packing.row_bytes) for place in (folder, uri))
    for one, other in (
        (here.in_order("train"), there.in_order("train")),
        (here.shuffled("train", (1, 1)), there.shuffled("train", (1, 1))),
    ):
        for mine, its in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine.ids, its.ids)
            np.testing.assert_array_equal(mine.floats, its.floats)


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # the servers', not the step's
@pytest.mark.parametrize("processes", [1, 2])
def test_statistics_are_those_of_the_folder_also_from_forks(folder, uri, monkeypatch, processes):
    monkeypatch.setattr(statistics, "WORTH_SHARING", 1)
    monkeypatch.setattr(statistics, "available_cores", lambda: processes)
    there = Examples.open(uri)
    list(there.batches("test"))  # a client of this process, which is of no use in a fork
    found = statistics.statistics_of(there, ["train", "eval"], set())
    assert found == statistics.statistics_of(Examples.open(folder), ["train", "eval"], set())


@pytest.mark.parametrize("stored", ["s3"], indirect=True)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_workers_of_beam_read_a_uri_themselves(folder, uri, tmp_path):
    settings = Beam(runner="FnApiRunner")
    found = statistics_on(settings, Examples.open(uri), ["eval"], set(), tmp_path / "there")
    assert found == statistics_on(settings, Examples.open(folder), ["eval"], set(), tmp_path / "here")


def test_what_was_opened_goes_to_other_processes_without_its_client(folder, uri):
    there = Examples.open(uri)
    expected = _table(there, "eval")
    sent = pickle.loads(pickle.dumps(there))
    assert _table(sent, "eval") == expected


def test_a_shard_that_is_missing_is_named(uri, stored):
    stored.delete("run/examples/train/part-1.parquet")
    there = Examples.open(uri)
    with pytest.raises(DataError, match=rf"^examples: {uri}/train/part-1\.parquet: there is no such object"):
        _table(there, "train")


def test_a_folder_without_examples_is_refused(stored):
    with pytest.raises(DataError, match=rf"^examples: {stored.uri}/other: there is no dataset\.json\."):
        Examples.open(f"{stored.uri}/other")


def test_a_shard_that_changes_while_it_is_read_is_refused(folder, uri, stored):
    batches = Examples.open(uri).batches("train", rows=100)
    next(batches)
    for number in range(2):
        stored.put(f"run/examples/train/part-{number}.parquet", (folder / "eval" / "part-00000.parquet").read_bytes())
    with pytest.raises(
        DataError, match=rf"^examples: {uri}/train/part-\d\.parquet: it was changed while it was read\."
    ):
        list(batches)


def test_a_shard_that_goes_while_it_is_read_is_refused(uri, stored):
    batches = Examples.open(uri).batches("train", rows=100)
    next(batches)
    for number in range(2):
        stored.delete(f"run/examples/train/part-{number}.parquet")
    with pytest.raises(DataError, match="it was changed while it was read"):
        list(batches)


def test_credentials_that_may_not_read_are_told_in_a_sentence(uri, stored):
    stored.refuse = lambda method, path: 403
    with pytest.raises(DataError, match=rf"^examples: {uri}: these credentials have no right to read it"):
        Examples.open(uri)


def test_a_busy_store_is_asked_again(folder, uri, stored):
    there = Examples.open(uri)
    busy = iter([503, 503])
    stored.refuse = lambda method, path: next(busy, None)
    assert _table(there, "eval") == _table(Examples.open(folder), "eval")
    assert next(busy, "asked twice more") == "asked twice more"


def test_minio_without_a_server_says_what_to_set(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match=r"minio://mlpipeline/run: names no server\. .*AWS_ENDPOINT_URL"):
        Examples.open("minio://mlpipeline/run")
