"""A fuzz of REST, always the same: whatever is sent, the server refuses it in words or answers it, and goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
import schemathesis
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_INT64
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from stellwerk.serving.config import ModelConfig
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.server import ModelServer, ServerOptions

SEED = 20_261_121
ROW = {"distance": 1.0, "carrier": "AA", "day": 2}

PATHS = [
    *("", ":predict", ":classify", ":regress", "/metadata", "/versions/3:predict", "/versions/9", "/labels/x:predict"),
]

HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\n"
SENT = [
    b"\0\x3f" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
    b"\0\xff" + (HEAD + b"Content-Length: 3\r\n\r\nabc") * 3,
    b"\0\x07" + HEAD + b"Expect: 100-continue\r\nAuthorization: Bearer x\r\nContent-Length: 3\r\n\r\nabc",
    b"\0\xff" + HEAD + b"Upgrade: x\r\nConnection: upgrade\r\n\r\n" + HEAD + b"\r\n",
]
"""Whole requests as bytes, in pieces of so many."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def path(chance):
    made = "/v1/models/flights" + chance.choice(PATHS)
    position = chance.randrange(1, len(made))
    return made[:position] + chance.choice(["%00", "..", "/", ":", "%2e%2e%2f", "?x=1", "%", "A"]) + made[position:]


@pytest.fixture(scope="module")
def server(model_path):
    limits = Limits(head_s=2, body_s=2, idle_s=5)
    with ModelServer(
        [ModelConfig("flights", model_path.parent, labels={"stable": 3})],
        ServerOptions(rest_port=0, grpc_port=None, limits=limits),
    ) as running:
        yield running


@pytest.fixture
def unharmed(server, ask):
    """Afterwards the server still answers and holds no more files and threads than before, but those kept to answer."""

    def held():
        kept = sum(thread.name.startswith("http-answer") for thread in threading.enumerate())
        return len(list(Path("/proc/self/fd").iterdir())), psutil.Process().num_threads() - kept

    def flat():
        return all(now <= then + 2 for now, then in zip(held(), before, strict=True))

    assert ask(f"{server.url('flights')}:predict", {"instances": [ROW]}) == (200, {"predictions": [[13.0]]})
    before = held()
    yield
    until = time.monotonic() + 60
    while (server.rest.connections or not flat()) and time.monotonic() < until:
        time.sleep(0.05)
    assert ask(f"{server.url('flights')}:predict", {"instances": [ROW]}) == (200, {"predictions": [[13.0]]})
    assert flat()


@pytest.fixture(scope="module")
def described(server, ask):
    """What the server says of itself, read by schemathesis."""
    status, document = ask(f"{server.address}/openapi.json")
    assert status == 200
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    return schema


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_what_schemathesis_sends_is_answered_as_the_openapi_document_says(server, described, unharmed, mode):
    chosen = described if mode is GenerationMode.POSITIVE else described.include(method="POST")
    with requests.Session() as session:

        @settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=HealthCheck)
        @given(case=chosen.as_strategy(generation_mode=mode))
        def ask(case):
            case.call_and_validate(base_url=server.address, session=session, checks=CHECKS, timeout=60)

        ask()


def test_no_bytes_that_atheris_makes_break_the_parsers_of_requests(tmp_path):
    """From whole requests of both APIs, and of HTTP, on, guided by what of the code is reached: always the same ones."""
    examples = {"context": {"carrier": "AA"}, "examples": [{"distance": 1.0, "day": [1]}, {"carrier": {"b64": "AAEC"}}]}
    columns = {"distance": [1.0, None], "carrier": ["AA", {"b64": "AAEC"}], "day": [0, 1]}
    predict = PredictRequest(model_spec={"name": "flights"})
    predict.inputs["distance"].CopyFrom(tf.make_tensor_proto(np.float32([1, 2])))
    predict.inputs["carrier"].CopyFrom(tf.make_tensor_proto(["AA", "B"]))
    predict.inputs["day"].CopyFrom(TensorProto(dtype=DT_INT64, int64_val=[3], tensor_shape={"dim": [{"size": 2}]}))
    classify = ClassificationRequest()
    example = classify.input.example_list_with_context.examples.add()
    example.features.feature["distance"].float_list.value.append(1.0)
    bodies = [(1, {"instances": [ROW, ROW]}), (1, {"inputs": columns}), (2, examples)]
    whole = [bytes([parser]) + json.dumps(body).encode() for parser, body in bodies]
    for number, request in enumerate(
        [*whole, b"\3" + predict.SerializeToString(), b"\4" + classify.SerializeToString(), *SENT]
    ):
        (tmp_path / str(number)).write_bytes(request)
    program = str(Path(__file__).with_name("parsers_under_atheris.py"))
    limits = ["-runs=40000", "-seed=2026", "-max_len=1024", "-rss_limit_mb=4096"]
    done = subprocess.run(
        [sys.executable, program, *limits, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    assert "Done 40000 runs" in done.stderr


def test_every_way_to_ask_a_model_is_in_the_openapi_document(described):
    for method in ("predict", "classify", "regress"):
        for which in ("", "/versions/{version}", "/labels/{label}"):
            assert "POST" in described[f"/v1/models/flights{which}:{method}"]
    forms = described.raw_schema["paths"]["/v1/models/flights:predict"]["post"]["requestBody"]["content"]
    named = [form["properties"] for form in forms["application/json"]["schema"]["anyOf"]]
    rows = next(form["instances"] for form in named if form["signature_name"] == {"const": "serving_default"})
    assert rows["items"]["properties"]["day"] == {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
    assert rows["items"]["required"] == ["carrier", "day", "distance"]


def test_paths_that_are_hardly_paths_get_an_answer_that_is_no_500(server, unharmed):
    chance = random.Random(SEED)
    connection = http.client.HTTPConnection(*server.rest.address, timeout=60)
    for number in range(300):
        method, target = chance.choice(["POST", "GET", "PUT"]), path(chance)
        connection.request(method, target, b"{}")
        answer = connection.getresponse()
        value = json.loads(answer.read().decode("utf-8"))
        assert answer.status in (200, 400, 404), (number, method, target, value)
    connection.close()


def test_bytes_that_are_hardly_http_end_their_own_connection_alone(server, unharmed):
    chance = random.Random(SEED)
    whole = b"POST /v1/models/flights:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n" + b'{"instances":1}'
    for _ in range(300):
        sent = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            position = chance.randrange(len(sent))
            sent[position : position + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        with socket.create_connection(server.rest.address, timeout=60) as client, contextlib.suppress(ConnectionError):
            client.sendall(bytes(sent))
            client.shutdown(socket.SHUT_WR)
            answer = client.makefile("rb").read()
            assert not answer.startswith(b"HTTP/1.1 5"), (bytes(sent), answer)
            assert not answer or answer.startswith(b"HTTP/1.1 ")


def test_clients_that_go_away_at_any_moment_leave_nothing_behind(server, unharmed):
    chance = random.Random(SEED)
    made = json.dumps({"instances": [ROW] * 50}).encode()
    whole = b"POST /v1/models/flights:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(made) + made
    for _ in range(150):
        with socket.create_connection(server.rest.address, timeout=60) as client:
            client.sendall(whole[: chance.randrange(len(whole) + 1)])
            if chance.random() < 0.5:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
