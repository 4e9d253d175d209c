"""Classify and Regress over tf.Examples, as TensorFlow Serving asks of a signature, and the requests that warm a model up."""

from __future__ import annotations

import json
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from stellwerk.components.training.warming import write_warmup
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.server import ModelServer, ServerOptions
from stellwerk.serving.warmup import WARMUP_FILE, warm_up


def _ask(url, body):
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=60) as answer:
        return json.loads(answer.read())


def _methods(model):
    saved = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    return {name: one.method_name for name, one in saved.meta_graphs[0].signature_def.items() if name[0] != "_"}


def _requests(model):
    records = tf.data.TFRecordDataset(str(model / WARMUP_FILE)).as_numpy_iterator()
    return [PredictionLog.FromString(record) for record in records]


@pytest.mark.parametrize(
    ("run", "judging"), [("late_run", "classify"), ("airport_run", "classify"), ("air_time_run", "regress")]
)
def test_a_signature_says_that_it_classifies_or_regresses_and_the_others_that_they_predict(request, run, judging):
    methods = _methods(request.getfixturevalue(run).model)
    assert methods.pop(judging) == f"tensorflow/serving/{judging}"
    assert set(methods) == {"serving_default", "serve_examples", "transform", "serve_transformed", "with_linear"}
    assert set(methods.values()) == {"tensorflow/serving/predict"}


def test_what_is_classified_and_regressed_is_what_is_predicted(late_run, airport_run, air_time_run):
    for run, output in ((late_run, "scores"), (airport_run, "scores"), (air_time_run, "outputs")):
        example = _requests(run.model)[2].predict_log.request.inputs["examples"].string_val[:]
        with LoadedModel(run.model) as model:
            predicted = model.predict({"examples": np.array(example, object)}, "serve_examples")
            judged = model.predict(
                {"inputs": np.array(example, object)}, "classify" if output == "scores" else "regress"
            )
        expected = predicted.get("probabilities", predicted.get("predictions"))
        if run is late_run:
            expected = np.concatenate([1 - expected, expected], axis=1)
        assert judged[output].ravel() == pytest.approx(expected.ravel(), abs=1e-6)
        if output == "scores":
            assert judged["classes"].tolist() == [[name.encode() for name in run.about["classes"]]]


def test_the_server_answers_classify_and_regress_through_these_signatures(airport_run, air_time_run):
    row = {"distance": 700.0, "carrier": "AA", "trip": "AA to BOS"}
    for run, method in ((airport_run, "classify"), (air_time_run, "regress")):
        with ModelServer([ModelConfig("m", run.model)], ServerOptions(rest_port=0, grpc_port=None)) as server:
            example = {name: row[name] for name in run.about["inputs"]}
            told = {
                signature: _ask(f"{server.url('m')}:{method}", {"signature_name": signature, "examples": [example]})
                for signature in (method, "serve_examples")
            }
        assert told[method] == told["serve_examples"]
        assert len(told[method]["results"]) == 1


def test_a_model_comes_with_real_requests_for_every_signature_that_clients_ask(late, late_run):
    one, several, serialised, judged = _requests(late_run.model)
    assert one.predict_log.request.model_spec.signature_name == "serving_default"
    rows = several.predict_log.request.inputs["distance"].tensor_shape.dim[0].size
    asked = {name: tf.make_ndarray(value) for name, value in several.predict_log.request.inputs.items()}
    train = late.columns["train"].slice(0, rows)
    assert asked["carrier"].tolist() == [(value or "").encode() for value in train["carrier"].to_pylist()]
    assert serialised.predict_log.request.model_spec.signature_name == "serve_examples"
    assert judged.classify_log.request.model_spec.signature_name == "classify"
    with LoadedModel(late_run.model) as model:
        assert warm_up(model, late_run.model) == 4


def test_the_requests_are_the_same_bytes_for_the_same_rows(late, late_run, tmp_path):
    specs = {name: tf.TensorSpec([None], about["dtype"], name=name) for name, about in late_run.about["inputs"].items()}
    write_warmup(tmp_path, late.graph, specs, "classify")
    assert (tmp_path / WARMUP_FILE).read_bytes() == (late_run.model / WARMUP_FILE).read_bytes()


def test_the_examples_of_a_warm_up_are_those_that_a_client_would_send(airport_run):
    (example,) = _requests(airport_run.model)[3].classify_log.request.input.example_list.examples
    assert set(example.features.feature) == set(airport_run.about["inputs"])
