"""The artifacts of the step, what it refuses, and that serving sees what training saw."""

from __future__ import annotations

import json
import logging

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_transform as tft

from stellwerk.columns import MISSING_WHOLE
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.transformation.work import transform
from stellwerk.errors import DataError
from stellwerk.kinds.number.keys import Number
from stellwerk.spec.target import Target

EVERYTHING = {
    "distance": {"type": "number", "missing_indicator": True},
    "air_time": {"type": "number", "scale": "buckets", "missing": "median"},
    "dep_delay": {"type": "number", "scale": "log", "missing": 0},
    "carrier": {"type": "category", "vocabulary": 5, "oov": 2},
    "flight": {"type": "category", "min_count": 3},
    "tailnum": {"type": "category", "hash": 100},
    "late_month": {"type": "boolean", "column": "month_is_late"},
    "clock": {"type": "time", "column": "sched_dep_time", "format": "hhmm", "parts": ["hour", "minute"]},
    "hour": {"type": "time", "column": "time_hour", "parts": ["weekday", "month", "year"]},
    "remark": {"type": "text"},
    "words": {"type": "text", "column": "remark", "encoding": "tokens", "max_tokens": 3},
    "route": {"type": "cross", "columns": ["origin", "dest", "flight"]},
}


def _with_gaps(table):
    """A slice of the flights where every seventh value of every column but the target is missing, and text is added."""
    rows = np.arange(table.num_rows)
    words = pa.array([f"Flight <b>{row % 5}</b> was, {'very ' * (row % 3)}late" for row in rows])
    table = table.append_column("remark", words)
    table = table.append_column("month_is_late", pa.array((table["month"].to_numpy() > 6).astype(np.int64)))
    gaps = [
        pa.chunked_array([pa.array(table[name].to_pylist(), table[name].type, mask=(rows + place) % 7 == 0)])
        if name != "late"
        else table[name]
        for place, name in enumerate(table.column_names)
    ]
    return pa.table(dict(zip(table.column_names, gaps, strict=True)))


@pytest.fixture(scope="module")
def flights(run_transform, flights_table):
    table = _with_gaps(flights_table.slice(0, 600))
    splits = {"train": table.slice(0, 400), "eval": table.slice(400, 150), "test": table.slice(550)}
    return run_transform(None, EVERYTHING, {"column": "late", "type": "binary"}, **splits)


def test_served_rows_one_by_one_equal_the_transformed_rows_value_by_value(flights, flights_table):
    raw = _with_gaps(flights_table.slice(0, 600)).slice(400, 150)
    fill = {"float": float("nan"), "int64": MISSING_WHOLE, "string": ""}
    inputs = flights.description["inputs"]
    columns = {
        name: [fill[kind] if value is None else value for value in raw[name].to_pylist()]
        for name, kind in inputs.items()
    }
    table = flights.table("eval")
    layer = tft.TFTransformOutput(str(flights.graph)).transform_features_layer()
    for row in range(150):
        served = flights.serve_with(layer, **{name: values[row : row + 1] for name, values in columns.items()})
        assert set(served) == set(table.column_names) - {"label"}
        for name, value in served.items():
            np.testing.assert_array_equal(value[0], np.asarray(table[name][row].as_py(), value.dtype), err_msg=name)


def test_features_are_described_in_the_order_of_the_spec(flights):
    owners = list(dict.fromkeys(line["feature"] for line in flights.description["features"]))
    assert owners == list(EVERYTHING)
    assert flights.description["label"] == {"name": "late", "output": "label", "type": "binary", "classes": ["0", "1"]}


def test_the_transformed_columns_are_those_described_and_have_no_gap(flights):
    table = flights.table()
    assert table.column_names == [*flights.features, "label"]
    assert all(column.null_count == 0 for column in table.columns)
    words = table.schema.field("words").type
    assert (str(words.value_type), words.list_size) == ("int64", 3)
    for line in flights.features.values():
        if line["kind"] == "id":
            ids = table[line["name"]].to_numpy()
            assert ids.min() >= 0
            assert ids.max() < line["size"]
        if line["kind"] == "number":
            assert np.isfinite(table[line["name"]].to_numpy()).all()


def test_the_manifest_holds_rows_digests_types_and_the_version_of_the_examples(flights):
    examples = Examples.open(flights.rows)
    assert (examples.rows("train"), examples.rows("eval")) == (400, 150)
    assert set(examples.manifest["splits"]) == {"train", "eval"}
    for shard in examples.manifest["splits"]["train"]["shards"]:
        assert shard["sha256"] == file_digest(flights.rows / shard["path"])
    assert examples.columns["words"] == "int64[3]"
    assert examples.columns["carrier"] == "int64"
    assert examples.manifest["examples_version"] == flights.description["examples_version"]


def test_the_same_data_gives_the_same_version(run_transform, flights):
    rows = {"x": pa.array(["b", "a", None, "b"])}
    features = {"x": {"type": "category"}}
    first, second = run_transform(rows, features), run_transform(rows, features)
    assert Examples.open(first.rows).version == Examples.open(second.rows).version
    assert Examples.open(first.rows).version != Examples.open(flights.rows).version


def test_a_hundred_thousand_categories_get_an_id_each(run_transform):
    names = [f"name {number:06d}" for number in range(100_000)]
    rows = {"name": pa.array(names), "y": pa.array([row % 2 for row in range(100_000)])}
    few = {"name": ["name 000007", "unknown"], "y": [0, 1]}
    features, target = {"name": {"type": "category"}}, {"column": "y", "type": "binary"}
    made = run_transform(None, features, target, train=rows, eval=few, test=few)
    assert made.features["name"]["size"] == 100_001
    assert made.features["name"]["embedding"] == 36
    assert made.values("name", "eval") == [7, 100_000]
    assert len(set(made.values("name"))) == 100_000


def test_a_split_without_rows_stays_a_split(run_transform):
    rows, none = {"x": [1.0, 2.0], "y": [0, 1]}, {"x": pa.array([], pa.float64()), "y": pa.array([], pa.int64())}
    target = {"column": "y", "type": "binary"}
    made = run_transform(None, {"x": {"type": "number"}}, target, train=rows, eval=none, test=none)
    assert made.table("eval").num_rows == 0


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ({"carier": {"type": "category"}}, "features.carier: there is no column 'carier'"),
        ({"carier": {"type": "category"}}, "Did you mean 'carrier'?"),
        ({"carrier": {"type": "number"}}, "column 'carrier' is string, but type: number takes int64 or float"),
        ({"distance": {"type": "text"}}, "column 'distance' is float, but type: text takes string"),
        ({"distance": {"type": "time"}}, "column 'distance' is float, but type: time takes int64 or string"),
        ({"y": {"type": "number"}}, "column 'y' is the target"),
        (
            {
                "a": {"type": "number", "column": "distance", "missing_indicator": True},
                "a_missing": {"type": "number", "column": "distance"},
            },
            "features.a_missing: makes 'a_missing', as features.a does",
        ),
        ({"carrier": {"type": "boolean"}}, "neither true nor false: AA, UA"),
        ({"carrier": {"type": "time"}}, "only 0% of the values in column 'carrier' are times of format iso"),
        ({"n": {"type": "time", "format": "iso"}}, "column 'n' holds whole numbers"),
    ],
)
def test_a_feature_that_does_not_fit_the_data_is_refused(run_transform, tmp_path_factory, features, says):
    rows = {"carrier": ["UA", "AA"], "distance": [1.5, 2.5], "n": [1, 2]}
    with pytest.raises(DataError) as refused:
        run_transform(rows, features)
    assert says in str(refused.value)
    newest = max(tmp_path_factory.getbasetemp().glob("transform[0-9]*"), key=_number)
    left = [path.name for path in newest.iterdir()]
    assert sorted(left) == ["examples", "schema"]


def _number(path):
    return int(path.name.removeprefix("transform"))


def test_progress_counts_the_rows_measured_and_transformed(make_examples, tmp_path):
    heard = []
    _transform_one_column(make_examples, tmp_path, progress=lambda done, total=None, unit="rows": heard.append(done))
    assert heard[-1] == 8 + 8 + 1
    assert heard == sorted(heard)


def test_libraries_are_quiet(make_examples, tmp_path, caplog, capfd):
    caplog.set_level(logging.WARNING)
    _transform_one_column(make_examples, tmp_path)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def _transform_one_column(make_examples, folder, **more):
    examples = make_examples(folder / "examples", {"x": [float(row) for row in range(10)], "y": [0, 1] * 5})
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text("")
    transform(
        features={"x": Number(type="number")},
        target=Target(column="y", type="binary"),
        hooks={},
        examples=examples,
        schema=folder / "schema",
        transform_graph=folder / "graph",
        transformed=folder / "transformed",
        **more,
    )
    assert json.loads((folder / "graph" / "features.json").read_text())["inputs"] == {"x": "float"}


def test_a_feature_may_be_called_label(run_transform):
    rows = {"label": [1.5, 2.5, 3.5], "answer": [0, 1, 1]}
    made = run_transform(rows, {"label": {"type": "number"}}, {"column": "answer", "type": "binary"})
    assert made.description["label"]["output"] == "label_"
    assert made.table().column_names == ["label", "label_"]
    assert made.values("label_") == [0, 1, 1]
