"""The Examples artifact."""

from __future__ import annotations

import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples, as_lists


def test_null_becomes_a_null_list_and_a_value_a_list_of_one():
    batch = pa.RecordBatch.from_arrays([pa.array([1, None, 3]), pa.array(["a", None, ""])], names=["n", "s"])
    lists = as_lists(batch)
    lists.validate(full=True)
    assert lists.to_pydict() == {"n": [[1], None, [3]], "s": [[b"a"], None, [b""]]}


def test_a_slice_of_a_batch_converts_like_the_whole():
    batch = pa.RecordBatch.from_arrays([pa.array([1.5, None, 3.5, None], pa.float32())], names=["x"])
    assert as_lists(batch.slice(2)).to_pydict() == {"x": [[3.5], None]}


def test_batches_come_in_order_and_keep_their_types(tmp_path, make_examples):
    rows = {"n": list(range(100)), "s": [str(n) for n in range(100)]}
    examples = Examples.open(make_examples(tmp_path / "examples", rows))
    assert examples.columns == {"n": "int64", "s": "string"}
    assert (examples.rows("train"), examples.rows("eval"), examples.rows("test")) == (80, 10, 10)
    batches = list(examples.batches("train", columns=["n"], rows=30))
    assert [batch.num_rows for batch in batches] == [30, 30, 20]
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(80))
