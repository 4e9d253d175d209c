"""The exported model, loaded as TensorFlow Serving loads it, in a process that knows nothing of this package."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.serving.loading import LoadedModel

ASK = """
import json, os, sys, warnings
warnings.filterwarnings("ignore")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

tf.compat.v1.logging.set_verbosity("ERROR")
DTYPES = {"float32": np.float32, "int64": np.int64, "string": object}
answers = []
for path, batches in json.loads(sys.stdin.read()):
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        model = tf.compat.v1.saved_model.load(session, ["serve"], path)
        for name, columns in batches:
            signature = model.signature_def[name]
            feed = {}
            for key, values in columns.items():
                tensor = signature.inputs[key]
                dtype = tf.as_dtype(tensor.dtype)
                if name == "serve_examples":
                    values = [bytes.fromhex(value) for value in values]
                feed[tensor.name] = np.array(values, DTYPES[dtype.name])
            told = session.run({key: tensor.name for key, tensor in signature.outputs.items()}, feed)
            told = {key: np.asarray(value, str if value.dtype == object else None) for key, value in told.items()}
            answers.append({key: {"shape": value.shape, "values": value.tolist()} for key, value in told.items()})
own = [name for name in sys.modules if name.split(".")[0] in {"stellwerk", "tensorflow_transform"}]
assert not own, own
print(json.dumps(answers))
"""


def _serialised(columns, missing=()):
    rows = []
    for row in zip(*columns.values(), strict=True):
        example = tf.train.Example()
        for name, value in zip(columns, row, strict=True):
            if name in missing:
                continue
            feature = example.features.feature[name]
            if isinstance(value, str):
                feature.bytes_list.value.append(value.encode())
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.float_list.value.append(value)
        rows.append(example.SerializeToString().hex())
    return rows


def _columns(prepared, run, rows):
    table = prepared.columns["test"].slice(0, rows)
    kinds = {name: spec["dtype"] for name, spec in run.about["inputs"].items()}
    return {
        name: [float(value) for value in table[name].to_pylist()] if kind == "float32" else table[name].to_pylist()
        for name, kind in kinds.items()
    }


@pytest.fixture(scope="session")
def asked(late, late_run, airport, airport_run, air_time, air_time_run):
    """Answers of the three models through a session: batches of 5, 1 and 0 rows by name, and 5 serialised rows."""
    cases, questions = [], []
    for prepared, run in ((late, late_run), (airport, airport_run), (air_time, air_time_run)):
        batches = [("serving_default", _columns(prepared, run, rows)) for rows in (5, 1, 0)]
        columns = batches[0][1]
        batches.append(("serve_examples", {"examples": _serialised(columns)}))
        batches.append(("serve_examples", {"examples": _serialised(columns, missing=("distance", "carrier", "trip"))}))
        questions.append((str(run.model), batches))
        cases.append((run, columns))
    done = subprocess.run(
        [sys.executable, "-c", ASK], input=json.dumps(questions), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    return [(run, columns, answers[place * 5 : place * 5 + 5]) for place, (run, columns) in enumerate(cases)]


@pytest.mark.parametrize(
    ("case", "output", "width"), [(0, "probabilities", 1), (1, "probabilities", 3), (2, "predictions", 1)]
)
def test_a_session_answers_as_python_does(asked, case, output, width):
    run, columns, (five, one, none, examples, _) = asked[case]
    told = run.predict(columns)[output]
    assert told.shape == (5, width)
    scale = np.abs(told).max()
    assert np.abs(np.array(five[output]["values"]) - told).max() <= 1e-6 * scale
    assert np.abs(np.array(examples[output]["values"]) - told).max() <= 1e-6 * scale
    assert np.abs(np.array(one[output]["values"]) - told[:1]).max() <= 1e-6 * scale
    assert none[output]["shape"] == [0, width]


@pytest.mark.parametrize("case", [0, 1, 2])
def test_a_value_that_is_missing_in_an_example_is_answered_like_one_missing_by_name(asked, case):
    run, columns, answers = asked[case]
    missing = {"distance": float("nan"), "carrier": "", "trip": ""}
    told = run.predict({name: [missing.get(name, value) for value in values] for name, values in columns.items()})
    for name in told:
        if name != "classes":
            assert np.isfinite(told[name]).all()
            assert np.array(answers[4][name]["values"]) == pytest.approx(told[name], rel=1e-5)


def test_several_classes_are_answered_with_their_names(asked):
    run, _, (five, *_) = asked[1]
    assert five["classes"]["values"] == [["EWR", "JFK", "LGA"]] * 5
    assert np.sum(five["probabilities"]["values"], axis=1) == pytest.approx(np.ones(5))
    assert run.about["classes"] == ["EWR", "JFK", "LGA"]


def test_the_model_says_what_it_is(late, late_run):
    about = late_run.about
    assert about["target"]["column"] == "late"
    assert about["classes"] == ["0", "1"]
    assert about["inputs"]["carrier"] == {"dtype": "string", "shape": [None]}
    assert "late" not in about["inputs"]
    assert about["outputs"] == {"probabilities": {"dtype": "float32", "shape": [None, 1]}}
    assert about["hyperparameters"]["model"]["hidden"] == [32, 16]
    assert about["hyperparameters"]["train"]["epochs"] == 3
    assert about["transform_digest"] == folder_digest(late.graph)
    assert about["versions"]["tensorflow"]
    assert {"examples_version", "schema_digest"} <= set(about)


def test_the_served_model_sees_what_the_trained_one_saw(late, late_run):
    """No skew: the eval split, raw, through the served model has the eval loss of the history."""
    rows = late.columns["eval"]
    told = late_run.predict({name: rows[name].to_pylist() for name in late_run.about["inputs"]})["probabilities"][:, 0]
    late_rows = rows["late"].to_numpy()
    loss = -np.mean(np.where(late_rows == 1, np.log(told), np.log1p(-told)))
    assert loss == pytest.approx(late_run.history["epochs"][-1]["eval_loss"], rel=1e-5)


@pytest.mark.parametrize("kind", ["late", "airport", "air_time"])
def test_the_answers_are_the_same_whether_the_graph_is_optimised_or_not(request, kind):
    prepared, run = request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_run")
    answers = []
    for optimized in (True, False):
        with LoadedModel(run.model, optimized=optimized) as model:
            columns = prepared.columns["test"]
            inputs = {name: columns[name].to_numpy() for name in model.inputs}
            answers.append(model.predict(inputs))
    assert answers[0].keys() == answers[1].keys()
    for name, values in answers[0].items():
        if values.dtype.kind == "f":
            assert np.allclose(values, answers[1][name], rtol=1e-6, atol=1e-7)
        else:
            assert np.array_equal(values, answers[1][name])
