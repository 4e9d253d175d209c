"""Custom features: a user's own TFT functions."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.errors import HookError

SOURCE = """
import tensorflow as tf
import tensorflow_transform as tft

def doubled(columns):
    return 2 * tf.where(tf.math.is_nan(columns["x"]), 0.0, columns["x"])

def both(columns):
    x = doubled(columns)
    return tf.stack([x, x + 1], axis=1)

def length(columns):
    return tf.cast(tf.strings.length(columns["word"]), tf.int64)

def flag(columns):
    return columns["word"] == "a"

def standard(columns):
    return tft.scale_to_z_score(columns["whole"])

def ranked(columns):
    return tft.compute_and_apply_vocabulary(columns["word"], num_oov_buckets=1)

def unfilled(columns):
    return columns["x"]

def sparse(columns):
    return tf.sparse.from_dense(columns["word"])

def text(columns):
    return columns["word"]

def scalar(columns):
    return tf.reduce_mean(columns["whole"])

def square(columns):
    whole = tf.cast(columns["whole"], tf.int64)
    return tf.stack([tf.stack([whole, whole + 1], axis=1)] * 2, axis=1)

def grey(columns):
    x = tf.cast(doubled(columns) / 2, tf.uint8)
    return tf.stack([x, 255 - x, x * 0 + 255], axis=1)

def cube(columns):
    return tf.reshape(both(columns), [-1, 1, 2, 1])

def ragged(columns):
    return tf.compat.v1.placeholder_with_default(both(columns), [None, None])

def wrong_key(columns):
    return columns["y"]
"""

ROWS = {
    "x": pa.array([1.0, None, 3.0, 4.0]),
    "whole": pa.array([1, 2, 3, 6]),
    "word": pa.array(["a", "bb", "bb", None]),
}


def _custom(function, column, **more):
    return {"transform": f"features.py:{function}", "columns": [column], **more}


@pytest.fixture(scope="module")
def plain(run_transform):
    features = {
        "doubled": _custom("doubled", "x"),
        "both": _custom("both", "x"),
        "length": _custom("length", "word", size=3, embedding=2),
        "flag": _custom("flag", "word"),
    }
    return run_transform(ROWS, features, hooks={"features.py": SOURCE})


def test_a_hook_makes_a_number_a_vector_or_ids(plain):
    assert plain.values("doubled") == [2, 0, 6, 8]
    assert plain.values("both") == [[2, 3], [0, 1], [6, 7], [8, 9]]
    assert plain.values("length") == [1, 2, 2, 0]
    assert plain.values("flag") == [1, 0, 0, 0]
    assert [line["kind"] for line in plain.description["features"]] == ["number", "vector", "id", "number"]
    assert plain.features["both"]["width"] == 2
    assert plain.features["length"]["size"] == 3


def test_a_hook_makes_numbers_in_a_fixed_shape(run_transform):
    features = {"square": _custom("square", "whole"), "bytes": _custom("grey", "x"), "cube": _custom("cube", "x")}
    made = run_transform(ROWS, features, hooks={"features.py": SOURCE})
    assert made.values("square")[3] == [6, 7, 6, 7]
    lines = [(line["kind"], line["dtype"], line["shape"]) for line in made.description["features"]]
    assert lines == [("tensor", "int64", [2, 2]), ("tensor", "uint8", [3]), ("tensor", "float32", [1, 2, 1])]
    schema = pq.read_schema(next((made.rows / "train").glob("*.parquet")))
    types = [schema.field(name).type for name in features]
    assert types == [pa.list_(pa.int64(), 4), pa.binary(3), pa.list_(pa.float32(), 2)]
    assert schema.field("square").metadata[b"shape"] == b"[2, 2]"
    assert list(made.values("bytes")[0]) == [1, 254, 255]
    columns = json.loads((made.rows / "dataset.json").read_text())["columns"]
    assert [columns[name] for name in features] == ["int64[4]", "uint8[3]", "float[2]"]


def test_a_hook_is_served(plain):
    assert plain.serve(x=[5.0], word=["ccc"])["both"].tolist() == [[10, 11]]


@pytest.fixture(scope="module")
def analysed(run_transform):
    features = {
        "standard": _custom("standard", "whole"),
        "ours": {"type": "number", "column": "whole"},
        "ranked": _custom("ranked", "word", size=3),
        "ours_ranked": {"type": "category", "column": "word"},
        "median": {"type": "number", "column": "x", "missing": "median", "scale": "buckets"},
        "half": {"type": "time", "column": "whole", "format": "hhmm", "parts": ["minute"], "encoding": "number"},
    }
    return run_transform(ROWS, features, hooks={"features.py": SOURCE})


def test_a_hook_may_use_the_analysers_of_tft_and_ours_compute_the_same(analysed):
    assert analysed.values("standard") == pytest.approx(analysed.values("ours"), abs=1e-6)
    assert analysed.values("ranked") == [1, 0, 0, 2]
    assert analysed.values("ours_ranked") == [1, 0, 0, 2]


def test_an_analysed_graph_is_served(analysed):
    served = analysed.serve(x=[np.nan], whole=[3], word=["bb"])
    assert served["standard"].tolist() == pytest.approx([0])
    assert served["ranked"].tolist() == [0]


@pytest.mark.parametrize(
    ("function", "column", "more", "says"),
    [
        ("unfilled", "x", {}, "1 values that are NaN or infinite in the train split"),
        ("length", "word", {}, "has no `size`"),
        ("length", "word", {"size": 2}, "ids from 0 to 2 in the train split, but size: 2 means 0 to 1"),
        ("doubled", "x", {"size": 2}, "features.mine.size is for ids"),
        ("sparse", "word", {}, "returned SparseTensor"),
        ("text", "word", {}, "returned string"),
        ("scalar", "whole", {}, "returned float32 ()"),
        ("ragged", "x", {}, "returned float32 (None, None)"),
        ("square", "whole", {"size": 4}, "returned int64 (None, 2, 2), but features.mine.size is for ids"),
        ("wrong_key", "x", {}, "failed: KeyError: 'y'. It was called with x: float32 [batch]"),
        ("doubld", "x", {}, "Did you mean 'doubled'?"),
    ],
)
def test_a_hook_that_misbehaves_is_refused_by_name(run_transform, function, column, more, says):
    with pytest.raises(HookError) as refused:
        run_transform(ROWS, {"mine": _custom(function, column, **more)}, hooks={"features.py": SOURCE})
    assert says in str(refused.value)
    assert f"features.py:{function}" in str(refused.value)
