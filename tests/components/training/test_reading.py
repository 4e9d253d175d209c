"""Chunks of transformed examples: every row once, mixed, in whole batches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.batches import judged_by
from stellwerk.components.training.packing import Chunk, Packing
from stellwerk.components.training.reading import Reader

ROWS = 1_000


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Rows 0..999 in two shards of small row groups; what each column holds follows from the row."""
    folder = tmp_path_factory.mktemp("rows")
    row = np.arange(ROWS)
    vector = np.stack([row, row + 0.5, -row], axis=1).astype(np.float32)
    words = np.stack([row % 7, row % 11], axis=1)
    table = pa.table(
        {
            "words": pa.FixedSizeListArray.from_arrays(pa.array(words.reshape(-1)), 2),
            "number": pa.array(row.astype(np.float32)),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vector.reshape(-1)), 3),
            "id": pa.array(row % 5),
            "label": pa.array((row % 2).astype(np.float32)),
        }
    )
    (folder / "train").mkdir()
    pq.write_table(table.slice(0, 600), folder / "train" / "a.parquet", row_group_size=70)
    pq.write_table(table.slice(600), folder / "train" / "b.parquet", row_group_size=110)
    manifest = {
        "splits": {"train": {"rows": ROWS, "shards": [{"path": "train/a.parquet"}, {"path": "train/b.parquet"}]}}
    }
    inputs = (
        ModelInput("words", "tokens", width=2, size=11, embedding=2),
        ModelInput("number", "number"),
        ModelInput("vector", "vector", width=3),
        ModelInput("id", "id", size=5, embedding=2),
    )
    packing = Packing(inputs, "label", whole_label=False)
    return Reader(Examples(folder, manifest), packing, batch_size=32, pool_bytes=300 * packing.row_bytes)


def _rows(chunks):
    return [chunk.floats[:, 0].astype(int) for chunk in chunks]


def test_an_epoch_has_every_row_once(reader):
    seen = np.concatenate(_rows(reader.shuffled("train", (1, 1))))
    assert sorted(seen) == list(range(ROWS))


def test_all_chunks_but_the_last_are_whole_batches(reader):
    sizes = [len(rows) for rows in _rows(reader.shuffled("train", (1, 1)))]
    assert len(sizes) > 3
    assert all(size % 32 == 0 for size in sizes[:-1])


def test_rows_of_different_files_are_mixed(reader):
    first = _rows(reader.shuffled("train", (1, 1)))[0]
    assert len({row // 100 for row in first}) > 2
    assert np.abs(np.diff(first)).mean() > 20


def test_the_seed_alone_decides_the_order(reader):
    one, same, other = (np.concatenate(_rows(reader.shuffled("train", (7, epoch)))) for epoch in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_rows_in_order_stay_in_order(reader):
    assert np.array_equal(np.concatenate(_rows(reader.in_order("train"))), np.arange(ROWS))


def test_what_is_unpacked_in_the_graph_is_what_was_packed(reader):
    for chunk in reader.shuffled("train", (3, 1)):
        inputs = {name: tensor.numpy() for name, tensor in reader.packing.unpack(chunk.floats, chunk.ids).items()}
        row = inputs["number"].astype(int)
        assert np.array_equal(inputs["vector"], np.stack([row, row + 0.5, -row], axis=1).astype(np.float32))
        assert np.array_equal(inputs["words"], np.stack([row % 7, row % 11], axis=1))
        assert np.array_equal(inputs["id"], row % 5)
        assert np.array_equal(chunk.labels, row % 2)


def test_a_loop_that_reuses_memory_overwrites_no_row_that_is_kept(tmp_path):
    """TensorFlow takes an array as it is where its address suits it, and may write into what it thinks is its own."""
    table = pa.table({"number": np.arange(ROWS, dtype=np.float32), "label": np.arange(ROWS, dtype=np.float32)})
    (tmp_path / "eval").mkdir()
    pq.write_table(table, tmp_path / "eval" / "a.parquet")
    manifest = {"splits": {"eval": {"rows": ROWS, "shards": [{"path": "eval/a.parquet"}]}}}
    packing = Packing((ModelInput("number", "number"),), "label", whole_label=False)
    kept = Reader(Examples(tmp_path, manifest), packing, batch_size=64)
    ((shard, metadata, group),) = kept._groups("eval")
    kept._kept[shard, group] = Chunk.of(map(_aligned, kept._read(shard, metadata, group).arrays))
    for _ in judged_by(kept).map(lambda inputs, labels: (-inputs["number"], -labels)):
        pass
    assert kept._read(shard, metadata, group).labels.tolist() == list(range(ROWS))


def _aligned(array):
    """A copy at the beginning of a line of the processor's cache."""
    memory = np.zeros(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
