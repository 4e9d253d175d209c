"""TensorFlow Serving's REST API, asked over HTTP."""

from __future__ import annotations

import base64
import contextlib
import http.client
import math
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest
import tensorflow as tf

from stellwerk.errors import ModelError, UsageError
from stellwerk.serving.rest import RestApi
from stellwerk.serving.server import ModelServer
from stellwerk.serving.versions import newest

ROW = {"distance": 1.0, "carrier": "AA", "day": 2}


@pytest.fixture(scope="module")
def server(model):
    with ModelServer(RestApi(model, "flights", 3), rest_port=0, max_body_bytes=100_000) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def url(server):
    return server.url


def test_status_says_available(ask, url):
    status, answer = ask(url)
    assert status == 200
    assert answer["model_version_status"][0] == {
        "version": "3",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }


def test_metadata_lists_signatures_as_tensorflow_serving_does(ask, url):
    status, answer = ask(f"{url}/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "flights", "signature_name": "", "version": "3"}
    inputs = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    assert inputs["carrier"]["dtype"] == "DT_STRING"
    assert inputs["carrier"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}] or inputs["carrier"]["tensor_shape"]


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


def test_nan_in_an_answer_is_spelled_as_tensorflow_serving_does(ask, url):
    body = b'{"instances": [{"distance": Infinity, "carrier": "", "day": 0}]}'
    status, answer = ask(f"{url}:predict", body)
    assert (status, answer) == (200, {"predictions": [[math.inf]]})


def test_serialised_examples_are_answered(ask, url):
    features = {"distance": tf.train.Feature(float_list=tf.train.FloatList(value=[4.0]))}
    example = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    request = {"signature_name": "serve_examples", "instances": [{"b64": base64.b64encode(example).decode()}]}
    assert ask(f"{url}:predict", request) == (200, {"predictions": [[4.0]]})
    request["instances"] = ["no example"]
    status, answer = ask(f"{url}:predict", request)
    assert status == 400
    assert "cannot use this input" in answer["error"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "JSON Parse error"),
        (b"\xff\xfe\x00", "JSON Parse error"),
        (b"", "JSON Parse error"),
        (b"[" * 50_000, "JSON Parse error"),
        (b"[1]", "must be a JSON object"),
        ({"rows": []}, "exactly one of 'instances' (rows) and 'inputs' (columns)"),
        ({"instances": [ROW], "inputs": {}}, "exactly one of"),
        ({"instances": []}, "at least one row"),
        ({"instances": 3}, "at least one row"),
        ({"instances": [1.0, 2.0]}, "takes several inputs"),
        ({"instances": [ROW, {"distance": 1}]}, "row 1 of 'instances' has other names"),
        ({"instances": [ROW, 4]}, "row 1 of 'instances' has other names"),
        ({"instances": [{"distance": 1.0, "carrier": "AA"}]}, "the input 'day' is missing"),
        ({"instances": [{**ROW, "dayy": 1}]}, "no input 'dayy'"),
        ({"instances": [{**ROW, "distance": "far"}]}, "'distance' takes float32, and got 'far'"),
        ({"instances": [{**ROW, "distance": True}]}, "'distance' takes float32, and got True"),
        ({"instances": [{**ROW, "distance": 1e300}]}, "'distance' takes float32"),
        ({"instances": [{**ROW, "distance": 10**400}]}, "does not fit"),
        ({"instances": [{**ROW, "day": 1.5}]}, "'day' takes int64, and got 1.5"),
        ({"instances": [{**ROW, "day": 2**70}]}, "does not fit"),
        ({"instances": [{**ROW, "carrier": 7}]}, "'carrier' takes string, and got 7"),
        ({"instances": [{**ROW, "carrier": {"b64": "!"}}]}, "not base64"),
        ({"instances": [{**ROW, "day": [1]}]}, "takes the shape [any], and got [1, 1]"),
        ({"inputs": {"distance": [1.0, [2.0]], "carrier": ["", ""], "day": [1, 2]}}, "is ragged"),
        ({"inputs": {"distance": [[1.0], [2.0, 3.0]], "carrier": ["", ""], "day": [1, 2]}}, "is ragged"),
        ({"inputs": {"distance": [1.0], "carrier": ["", ""], "day": [1, 2]}}, "different numbers of rows"),
        ({"signature_name": "nmaes", "instances": ["x"]}, "Did you mean 'names'"),
        ({"signature_name": 3, "instances": ["x"]}, "'signature_name' must be a string"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_400_and_a_sentence(ask, url, body, sentence):
    status, answer = ask(f"{url}:predict", body)
    assert status == 400
    assert sentence in answer["error"]
    assert "Traceback" not in answer["error"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/models/boats:predict", {"instances": [ROW]}, 404),
        ("/v1/models/flights/versions/9:predict", {"instances": [ROW]}, 404),
        ("/v1/models/boats", None, 404),
        ("/v1/models/flights:predict", None, 400),
        ("/v2/models/flights", None, 400),
        ("/", None, 400),
    ],
)
def test_unknown_models_versions_and_paths_are_refused(ask, url, path, body, expected):
    status, answer = ask(url.replace("/v1/models/flights", path), body)
    assert status == expected
    assert answer["error"]


def test_a_body_over_the_limit_gets_413(ask, url):
    status, answer = ask(f"{url}:predict", b" " * 200_000)
    assert status == 413
    assert "at most 100000" in answer["error"]


@pytest.mark.parametrize(
    ("headers", "expected"), [({"Transfer-Encoding": "chunked"}, 411), ({"Content-Length": "-5"}, 400)]
)
def test_bodies_of_unknown_length_are_refused(server, headers, expected):
    with contextlib.closing(http.client.HTTPConnection(*server.server_address[:2], timeout=10)) as connection:
        connection.putrequest("POST", "/v1/models/flights:predict")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == expected
        assert b"error" in answer.read()


def test_malformed_http_and_other_methods_get_json_errors(server):
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall(b"DELETE /v1/models/flights HTTP/1.1\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b" 501 " in answer
    assert b'{"error"' in answer


def test_a_connection_is_reused_for_several_requests(server):
    with contextlib.closing(http.client.HTTPConnection(*server.server_address[:2], timeout=10)) as connection:
        for _ in range(3):
            connection.request("GET", "/v1/models/flights")
            assert connection.getresponse().read()


def test_a_taken_port_is_told(server, model):
    with pytest.raises(UsageError, match="cannot listen on"):
        ModelServer(RestApi(model, "flights", 3), rest_port=server.server_address[1])


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


def test_serve_answers_until_sigterm_and_ends_well(ask, model_path):
    script = (
        "import sys; from pathlib import Path; from stellwerk.serving.server import serve\n"
        "serve(Path(sys.argv[1]), 'flights', rest_port=0, ready=lambda url: print(url, flush=True))"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(model_path.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert ask(f"{url}:predict", {"instances": [ROW]})[0] == 200
        idle = urllib.request.urlopen(url, timeout=10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0, process.stderr.read()
        idle.close()
