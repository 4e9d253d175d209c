"""TensorFlow Serving's REST API, asked over HTTP: its API document and the tests of its REST handler as a list of claims."""

from __future__ import annotations

import base64
import http.client
import json
import math
import shutil

import pytest
import requests
import tensorflow as tf

from stellwerk.errors import ModelError
from stellwerk.serving.config import ALL, ModelConfig
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.server import ModelServer, ServerOptions
from stellwerk.serving.versions import newest

ROW = {"distance": 1.0, "carrier": "AA", "day": 2}

AVAILABLE = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


@pytest.fixture(scope="module")
def half_path(tmp_path_factory):
    """The toy model of TensorFlow Serving's documents: y = x / 2 + 3, with its regress and classify signatures."""

    class Half(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
        def predict(self, x):
            return {"y": x / 2 + 3}

        def parsed(self, inputs):
            return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def regress(self, inputs):
            return {"outputs": self.parsed(inputs) / 2 + 3}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def classify(self, inputs):
            x = self.parsed(inputs)
            return {"classes": tf.repeat([["low", "high"]], tf.shape(x)[0], 0), "scores": tf.concat([x / 2, x], 1)}

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32, "a"), tf.TensorSpec([None], tf.bool, "b")])
        def many(self, a, b):
            total = tf.reduce_sum(a, 1)
            return {"sum": total, "half": tf.cast(total, tf.float64) / 2, "not": ~b, "all": tf.reduce_sum(a)}

        @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
        def scalar(self, x):
            return {"y": x + 1}

    module, path = Half(), tmp_path_factory.mktemp("half") / "half_plus_three"
    signatures = {"serving_default": module.predict, "scalar": module.scalar, "many": module.many}
    signatures |= {"tensorflow/serving/regress": module.regress, "classify_x_to_y": module.classify}
    tf.saved_model.save(module, str(path / "123"), signatures=signatures)
    shutil.copytree(path / "123", path / "124")
    return path


@pytest.fixture(scope="module")
def server(model_path, half_path):
    models = [
        ModelConfig("flights", model_path.parent),
        ModelConfig("half_plus_three", half_path, ALL, {"stable": 123, "canary": 124}),
    ]
    limits = Limits(body_bytes=100_000)
    with ModelServer(models, ServerOptions(rest_port=0, grpc_port=0, limits=limits, batching=None)) as running:
        yield running


@pytest.fixture(scope="module")
def url(server):
    return server.url("flights")


@pytest.fixture(scope="module")
def half(server):
    return server.url("half_plus_three")


def test_the_example_of_the_api_document_works_unchanged(half):
    data = json.dumps({"signature_name": "serving_default", "instances": [1.0, 2.0, 5.0]})
    json_response = requests.post(
        half + ":predict", data=data, headers={"content-type": "application/json"}, timeout=60
    )
    json_response.raise_for_status()
    assert json.loads(json_response.text)["predictions"] == [3.5, 4.0, 5.5]
    assert json_response.headers["Content-Type"] == "application/json"
    assert requests.post(half + ":predict", json={"instances": [1.0]}, timeout=60).json() == {"predictions": [3.5]}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (":predict", {"instances": [[1.0, 2.0], [3.0, 4.0]]}, {"predictions": [[3.5, 4.0], [4.5, 5.0]]}),
        ("/versions/123:predict", {"instances": [1, 2]}, {"predictions": [3.5, 4.0]}),
        ("/labels/canary:predict", {"instances": [1.0]}, {"predictions": [3.5]}),
        (":predict", {"inputs": [3.0, 4.0]}, {"outputs": [4.5, 5.0]}),
        (":predict", {"inputs": {"x": [3.0]}}, {"outputs": [4.5]}),
        (":predict", {"instances": [{"x": 3.0}]}, {"predictions": [4.5]}),
        (":predict", {"instances": [{"x": [3.0]}]}, {"predictions": [[4.5]]}),
        (":predict", {"signature_name": "", "inputs": 1.0}, {"outputs": 3.5}),
        (":predict", {"signature_name": "scalar", "inputs": 1.0}, {"outputs": 2.0}),
        (":predict", {"inputs": []}, {"outputs": []}),
        (":predict", b'  {"instances": [1.0]} and more', {"predictions": [3.5]}),
        (
            ":predict",
            {"signature_name": "many", "inputs": {"a": [[1, 2], [3, 5]], "b": [True, False]}},
            {"outputs": {"sum": [3, 8], "half": [1.5, 4.0], "not": [False, True], "all": 11}},
        ),
        (
            ":regress",
            {"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": [2.0]}]},
            {"results": [3.5, 4.0]},
        ),
        (
            "/labels/stable:regress",
            {"signature_name": "tensorflow/serving/regress", "context": {"x": 80.0}, "examples": [{}, {"z": "b"}]},
            {"results": [43.0, 43.0]},
        ),
        (
            ":classify",
            {"signature_name": "classify_x_to_y", "examples": [{"x": 20.0}, {"x": 0.2}]},
            {"results": [[["low", 10.0], ["high", 20.0]], [["low", 0.1], ["high", 0.2]]]},
        ),
    ],
)
def test_requests_of_the_api_document_are_answered(ask, half, path, body, expected):
    assert ask(half + path, body) == (200, expected)


def test_numbers_have_the_digits_of_tensorflow_serving(half):
    answer = requests.post(half + ":predict", json={"instances": [0.2, 1e10, 0.0]}, timeout=60).text
    assert answer.replace(" ", "").strip() == '{"predictions":[3.1,5000000000.0,3.0]}'


def test_status_lists_all_versions_or_the_one_asked_for(ask, half):
    both = [{"version": "124", **AVAILABLE}, {"version": "123", **AVAILABLE}]
    assert ask(half) == (200, {"model_version_status": both})
    assert ask(f"{half}/versions/123") == (200, {"model_version_status": both[1:]})
    assert ask(f"{half}/labels/canary") == (200, {"model_version_status": both[:1]})


def test_metadata_lists_signatures_as_tensorflow_serving_does(ask, url):
    status, answer = ask(f"{url}/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "flights", "signature_name": "", "version": "3"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    carrier = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}}
    assert {key: signature["inputs"]["carrier"][key] for key in carrier} == carrier
    assert signature["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize("path", [":predict", "/versions/3:predict"])
def test_rows_are_answered_row_by_row(ask, url, path):
    status, answer = ask(url + path, {"instances": [ROW, {**ROW, "carrier": "B"}]})
    assert (status, answer) == (200, {"predictions": [[13.0], [3.0]]})


def test_columns_are_answered_as_columns(ask, url):
    columns = {"distance": [1.0, 2.0], "carrier": ["AA", "AA"], "day": [0, 0]}
    assert ask(f"{url}:predict", {"inputs": columns}) == (200, {"outputs": [[11.0], [12.0]]})


def test_bytes_travel_as_base64_both_ways(ask, url):
    encoded = {"b64": base64.b64encode(b"A\xc3\xa9").decode()}
    status, answer = ask(f"{url}:predict", {"signature_name": "names", "instances": [encoded, "x"]})
    assert status == 200
    assert answer["predictions"] == [
        {"name": "Aé", "name_bytes": encoded},
        {"name": "x", "name_bytes": {"b64": "eA=="}},
    ]


def test_null_and_nan_are_missing_values(ask, url):
    rows = [{"distance": None, "carrier": None, "day": None}, {**ROW, "distance": math.nan}]
    assert ask(f"{url}:predict", {"instances": rows}) == (200, {"predictions": [[0.0], [12.0]]})


def test_infinities_in_an_answer_are_spelled_as_tensorflow_serving_does(url):
    body = (
        b'{"instances": [{"distance": Infinity, "carrier": "", "day": 0}, {"distance": 0.1, "carrier": "", "day": 0}]}'
    )
    answer = requests.post(f"{url}:predict", body, timeout=60).text
    assert answer.strip() == '{"predictions": [[Infinity], [0.1]]}'


def test_serialised_examples_are_answered(ask, url):
    features = {"distance": tf.train.Feature(float_list=tf.train.FloatList(value=[4.0]))}
    example = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    request = {"signature_name": "serve_examples", "instances": [{"b64": base64.b64encode(example).decode()}]}
    assert ask(f"{url}:predict", request) == (200, {"predictions": [[4.0]]})
    request["instances"] = ["no example"]
    status, answer = ask(f"{url}:predict", request)
    assert status == 400
    assert "cannot use this input" in answer["error"]


def test_a_model_of_a_pipeline_regresses_examples_in_json(ask, url):
    examples = [{"distance": 4.0, "carrier": "AA", "day": 1}, {"distance": 2.5}]
    assert ask(f"{url}:regress", {"examples": examples}) == (200, {"results": [15.0, 2.5]})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b"instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        (b'{"instances": [', "JSON Parse error: Invalid value. at offset: 15"),
        (b"\xff\xfe\x00", "JSON Parse error: Invalid encoding in string. at offset: 0"),
        (b'{"instances": ["\xff"]}', "JSON Parse error: Invalid encoding in string. at offset: 16"),
        (b"[" * 50_000, "JSON Parse error"),
        (b'{"instances": [' + b"1" * 5000 + b"]}", "JSON Parse error"),
        (b"[1]", "JSON Value: [1] Is not object"),
        ({"rows": []}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [ROW], "inputs": {}}, "expecting only one of 'inputs' or 'instances' keys to exist"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": 3}, "Expecting 'instances' to be an list/array"),
        ({"instances": [1.0, 2.0]}, "instances is a plain list, but expecting list of objects"),
        ({"inputs": [1.0, 2.0]}, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"distance": [1.0], "day": [1]}}, "Missing named input: carrier in 'inputs' object."),
        ({"instances": [ROW, {"distance": 1}]}, "Failed to process element: 1 of 'instances' list. JSON object: "),
        ({"instances": [ROW, {"distance": 1}]}, "keys must be equal to: carrier,day,distance"),
        ({"instances": [ROW, 4]}, "Expecting object but got list at item 1 of input list"),
        ({"signature_name": "names", "instances": ["a", ROW]}, "Expecting value/list but got object at item 1"),
        (
            {"instances": [{**ROW, "dayy": 1}]},
            "Failed to process element: 0 key: dayy of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: dayy",
        ),
        (
            {"instances": [ROW, {**ROW, "distance": "far"}]},
            "Failed to process element: 1 key: distance of 'instances' list. Error: INVALID_ARGUMENT: "
            'JSON Value: "far" Type: String is not of expected type: float',
        ),
        ({"instances": [{**ROW, "distance": 1e300}]}, "is not of expected type: float"),
        ({"instances": [{**ROW, "distance": 10**400}]}, "is not of expected type: float"),
        ({"instances": [{**ROW, "distance": {"b64": "AA=="}}]}, "Type: Object is not of expected type: float"),
        ({"instances": [{**ROW, "day": 1.5}]}, "JSON Value: 1.5 Type: Number is not of expected type: int64"),
        ({"instances": [{**ROW, "day": 2**70}]}, "is not of expected type: int64"),
        ({"instances": [{**ROW, "day": 2**63}]}, "is not of expected type: int64"),
        ({"instances": [{**ROW, "carrier": 7}]}, "JSON Value: 7 Type: Number is not of expected type: string"),
        ({"instances": [{**ROW, "carrier": {"b64": "!"}}]}, "Unable to base64 decode"),
        ({"instances": [{**ROW, "carrier": {"b65": "AA=="}}]}, "not formatted correctly for base64 data"),
        ({"instances": [{**ROW, "day": [1]}]}, "takes the shape [any], and got [1, 1]"),
        ({"instances": [{**ROW, "day": [1]}, {**ROW, "day": [1, 2]}]}, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [ROW, {**ROW, "day": [1]}]}, "Expecting shape [] but got: [1]"),
        (
            {"inputs": {"distance": [1.0, [2.0]], "carrier": ["", ""], "day": [1, 2]}},
            "Encountered list at unexpected level",
        ),
        (
            {"inputs": {"distance": [[1.0], [2.0, 3.0]], "carrier": ["", ""], "day": [1, 2]}},
            "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
        (
            {"inputs": {"distance": [[1.0], 2.0], "carrier": ["", ""], "day": [1, 2]}},
            "JSON Value: 2.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        ({"inputs": {"distance": [1.0], "carrier": ["", ""], "day": [1, 2]}}, "different numbers of rows"),
        ({"signature_name": "nmaes", "instances": ["x"]}, 'Serving signature name: "nmaes" not found in signature def'),
        ({"signature_name": 100}, "'signature_name' key must be a string value."),
    ],
)
def test_a_predict_request_that_does_not_fit_gets_tensorflow_servings_words(ask, url, body, sentence):
    status, answer = ask(f"{url}:predict", body)
    assert status == 400
    assert sentence in answer["error"]
    assert "Traceback" not in answer["error"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": {"a": 1}}]}, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x expecting type: float"),
        ({"examples": [{"x": 2**63}]}, "Only int64_t is supported"),
        ({"context": 3, "examples": [{}]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": 1.0}], "signature_name": "nothing"}, "No signature was found with the name: nothing"),
        ({"examples": [{"x": 1.0}], "signature_name": "many"}, "Expected one input Tensor."),
        ({"examples": [{}], "signature_name": "classify_x_to_y"}, "cannot use this input"),
    ],
)
def test_a_classify_request_that_does_not_fit_gets_tensorflow_servings_words(ask, half, body, sentence):
    status, answer = ask(f"{half}:classify", body)
    assert status == 400
    assert sentence in answer["error"]


@pytest.mark.parametrize(
    ("method", "path", "expected", "sentence"),
    [
        ("GET", "/v1/foo", 400, "Malformed request: GET /v1/foo"),
        ("POST", "/v1/foo", 400, "Malformed request"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/debug/model_name", 400, "Malformed request"),
        ("POST", "/v1/models", 400, "Malformed request"),
        ("GET", "/v1/models/flights:predict", 400, "Malformed request"),
        ("POST", "/v1/models/flights:PREDICT", 400, "Malformed request"),
        ("POST", "/v1/models/flights/version/50:regress", 400, "Malformed request"),
        ("POST", "/v1/models/flights/versions/HELLO:regress", 400, "Malformed request"),
        ("POST", f"/v1/models/flights/versions/{2**64 - 1}:regress", 400, "Failed to convert version"),
        ("POST", "/v1/models/flights/metadata", 400, "Malformed request"),
        ("POST", "/v1/models/flights/label/some:regress", 400, "Malformed request"),
        ("POST", "/v1/models/flights/versions/3/labels/some:regress", 400, "Malformed request"),
        ("DELETE", "/v1/models/flights", 400, "Malformed request: DELETE"),
        ("OPTIONS", "/v1/models/flights", 400, "Origin header is missing in CORS preflight"),
        ("POST", "/v1/models/boats:predict", 404, "Servable not found for request: Latest(boats)"),
        ("POST", "/v1/models/boats/versions/50:predict", 404, "Servable not found for request: Specific(boats, 50)"),
        ("POST", "/v1/models/flights/versions/9:predict", 404, "Servable not found for request: Specific(flights, 9)"),
        ("POST", "/v1/models/flights/labels/none:predict", 400, "Unrecognized servable version label: none"),
        ("GET", "/v1/models/boats", 404, "Could not find any versions of model boats"),
        ("GET", "/v1/models/flights/versions/9", 404, "Could not find version 9 of model flights"),
        ("GET", "/v1/models/boats/metadata", 404, "Servable not found for request: Latest(boats)"),
        ("GET", "/v1/models/..%2f..%2fetc", 404, "Could not find any versions of model"),
        ("GET", "/v1/models/%00", 404, "Could not find any versions of model"),
        ("POST", "/v1/models/%ff%fe:predict", 404, "Servable not found"),
        ("GET", "/v2/models/flights", 404, "Not found"),
        ("GET", "/", 404, "Not found"),
    ],
)
def test_unknown_models_versions_and_paths_are_refused_as_tensorflow_serving_does(
    server, method, path, expected, sentence
):
    connection = http.client.HTTPConnection(*server.rest.address, timeout=60)
    connection.request(method, path, json.dumps({"instances": [ROW], "examples": [{}]}) if method == "POST" else None)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == expected
    assert list(body) == ["error"]
    assert sentence in body["error"]


def test_a_body_over_the_limit_gets_413(ask, url):
    status, answer = ask(f"{url}:predict", b" " * 200_000)
    assert status == 413
    assert "at most 100000" in answer["error"]


def test_the_highest_version_is_served(tmp_path):
    for number in ("2", "10", "9"):
        (tmp_path / "m" / number).mkdir(parents=True)
        (tmp_path / "m" / number / "saved_model.pb").touch()
    (tmp_path / "m" / "11").mkdir()
    assert newest(tmp_path / "m").number == 10
    assert newest(tmp_path / "m" / "9").path == tmp_path / "m" / "9"
    with pytest.raises(ModelError, match=r"no model to serve.*Did you mean .*/m\?"):
        newest(tmp_path)
    with pytest.raises(ModelError, match=r"no such folder.*Did you mean 'm'"):
        newest(tmp_path / "mm")
