"""No skew: what is evaluated is, value by value, what the served model answers, over REST and as tf.Example too."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow as tf

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.calling import call
from stellwerk.components.evaluation.predicting import SPLIT, Excluded, Predictor, predictions, wanted
from stellwerk.components.evaluation.slices import Slices
from stellwerk.serving.config import one_model
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.server import ModelServer, ServerOptions
from stellwerk.spec.target import Target

TARGET = {"column": "late", "type": "binary"}
FEATURES = {
    "distance": {"type": "number", "scale": "standard"},
    "carrier": {"type": "category", "vocabulary": 12, "oov": 2},
    "sched_dep_time": {"type": "number", "scale": "minmax"},
    "month": {"type": "category"},
    "plane": {"type": "category", "vocabulary": 20, "column": "tailnum"},
}
ROWS = 150


@pytest.fixture(scope="module")
def flights(tmp_path_factory, make_examples, flights_table) -> Path:
    """Flights with gaps in every column that a model reads, and a carrier that is in the test split only."""
    table = flights_table.slice(0, 1_500)
    random = np.random.default_rng(3)
    for name in ("distance", "carrier", "month", "tailnum"):
        values = table[name].combine_chunks()
        gaps = pa.array(random.random(table.num_rows) < 0.05)
        table = table.set_column(
            table.column_names.index(name), name, pc.if_else(gaps, pa.scalar(None, values.type), values)
        )
    test = table.slice(1_500 - ROWS)
    carriers = ["ZZ", "ZZ", *test["carrier"].to_pylist()[2:]]
    test = test.set_column(test.column_names.index("carrier"), "carrier", pa.array(carriers))
    path = tmp_path_factory.mktemp("flights") / "examples"
    return make_examples(path, train=table.slice(0, 1_200), eval=table.slice(1_200, 150), test=test)


@pytest.fixture(scope="module")
def trained(flights, tmp_path_factory) -> Path:
    """A model from the real steps."""
    folder = tmp_path_factory.mktemp("run")
    out = {name: str(folder / name) for name in ("statistics", "schema", "anomalies", "transform_graph", "transformed")}
    examples = {"examples": str(flights), "target": TARGET}
    call("validate", {**examples, "settings": {"on_anomaly": "warn"}, **out})
    call("transform", {**examples, "features": FEATURES, "hooks": {}, **out})
    made = {"model": str(folder / "model"), "history": str(folder / "history")}
    architecture = {"type": "wide_deep", "hidden": [8]}
    call(
        "train",
        {**out, **made, "architecture": architecture, "training": {"epochs": 1}, "target": TARGET, "hooks": {}},
    )
    return folder / "model"


@pytest.fixture(scope="module")
def evaluated(flights, trained) -> np.ndarray:
    """The predictions that the evaluation is made of."""
    with LoadedModel(trained) as model:
        target = Target.model_validate(TARGET)
        examples, asked, slices = Examples.open(flights), [Predictor(model, target)], Slices([])
        want = wanted(examples, target, asked, slices)
        batches = predictions(examples.batches(SPLIT, want.columns, want.rows), target, asked, slices, Excluded())
        return np.concatenate([batch.predictions[0] for batch in batches])[:, 0]


def _rows(flights: Path, inputs) -> list[dict]:
    (batch,) = Examples.open(flights).batches("test", list(inputs))
    return batch.to_pylist()


def test_predictions_differ_and_lie_between_zero_and_one(evaluated):
    assert evaluated.shape == (ROWS,)
    assert np.unique(evaluated).size > ROWS // 2
    assert ((evaluated > 0) & (evaluated < 1)).all()


@pytest.fixture(scope="module")
def ask(trained):
    """Sends rows to the trained model's server and returns the probabilities that it answers."""
    with ModelServer(one_model(trained, "flights"), ServerOptions(rest_port=0, grpc_port=None)) as server:

        def send(rows):
            body = json.dumps({"instances": rows}).encode()
            with urllib.request.urlopen(f"{server.url('flights')}:predict", body, timeout=60) as answer:
                answers = json.loads(answer.read())["predictions"]
            return [row["probabilities"][0] if isinstance(row, dict) else row[0] for row in answers]

        yield send


def test_rest_answers_what_was_evaluated(flights, trained, evaluated, ask):
    with LoadedModel(trained) as model:
        rows = _rows(flights, model.inputs)
    np.testing.assert_array_equal(np.array(ask(rows), np.float32), evaluated)


def test_row_by_row_the_answer_is_the_same(flights, trained, evaluated, ask):
    with LoadedModel(trained) as model:
        rows = _rows(flights, model.inputs)
    for row, expected in list(zip(rows, evaluated, strict=True))[:20]:
        assert ask([row]) == [pytest.approx(expected, abs=1e-6)]


def test_serialised_examples_are_answered_the_same(flights, trained, evaluated):
    with LoadedModel(trained) as model:
        serialised = np.array([_example(row, model.inputs) for row in _rows(flights, model.inputs)], object)
        answer = model.predict({"examples": serialised}, "serve_examples")["probabilities"][:, 0]
    np.testing.assert_allclose(answer, evaluated, atol=1e-6)


def _example(row: dict, inputs: dict) -> bytes:
    features = {}
    for name, value in row.items():
        kind = inputs[name].type_name
        if value is None:
            continue
        if kind == "string":
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif kind == "int64":
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def test_the_step_evaluates_a_trained_model_on_slices(flights, trained, tmp_path):
    settings = {"slices": [["carrier"], ["origin", "month"]], "require": {"auc": {"min": 0.2, "min_gain": 0}}}
    arguments = {"settings": settings, "target": TARGET, "hooks": {}, "examples": str(flights), "model": str(trained)}
    outputs = {name: str(tmp_path / name) for name in ("evaluation", "blessing")}
    call("evaluate", {**arguments, **outputs, "baseline": str(trained)})
    evaluation = read_json(tmp_path / "evaluation" / "evaluation.json")
    assert evaluation["examples"] == ROWS
    assert all(row["metrics"] == row["baseline"] for row in evaluation["slices"])
    assert {"carrier": "ZZ"} in [row["slice"] for row in evaluation["slices"]]
    assert read_json(tmp_path / "blessing" / "blessing.json")["blessed"]
