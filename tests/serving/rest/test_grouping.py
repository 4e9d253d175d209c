"""Predictions that came together are answered together over REST, and each as if it had come alone."""

from __future__ import annotations

import json
import socket

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.serving.batching_options import BatchingOptions
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.prediction_log import LogOptions
from stellwerk.serving.rate import Rate
from stellwerk.serving.rest.api import RestApi
from stellwerk.serving.rest.grouping import PredictGroups
from stellwerk.serving.rest.messages import Request
from stellwerk.serving.security import Tokens
from stellwerk.serving.server import ModelServer, ServerOptions

PATH = "/v1/models/flights:predict"


def row(distance, day=1, carrier="AA"):
    return {"distance": distance, "carrier": carrier, "day": day}


def columns(*rows):
    return {name: [one[name] for one in rows] for name in rows[0]}


BODIES = [
    *({"instances": [row(number / 4, number % 7)]} for number in range(12)),
    *({"instances": [row(number), row(number + 0.5, 3, "B"), row(None, None, None)]} for number in range(3)),
    *({"inputs": columns(row(number), row(-number))} for number in range(3)),
    {"inputs": {"distance": [1], "carrier": ["AA"], "day": [1], "extra": [1]}},
    {"inputs": {"distance": [1, 2], "carrier": ["AA"], "day": [1]}},
    {"inputs": {"distance": 1, "carrier": "AA", "day": 1}},
    {"instances": [row(1.5)], "signature_name": "serving_default"},
    {"instances": [{"carrier": "x"}, {"carrier": {"b64": "AAEC"}}], "signature_name": "names"},
    {"instances": ["x", "é"], "signature_name": "names"},
    {"inputs": ["x", "y"], "signature_name": "names"},
    {"instances": [row(1)], "signature_name": "none"},
    {"instances": [row(1)], "signature_name": 7},
    {"instances": [row("far")]},
    {"instances": [row([1.0])]},
    {"instances": [row(1, 2**70)]},
    {"instances": [row(1), {**row(1), "more": 1}]},
    {"instances": [{}]},
    {"instances": [1]},
    {"instances": []},
    {"instances": row(1)},
    {"instances": [row(1)], "inputs": {}},
    {},
    [row(1)],
    "text",
]

RAW = [
    *(json.dumps(body).encode() for body in BODIES),
    b'{"instances": [{"distance": NaN, "carrier": "AA", "day": 1}]}',
    b'{"instances": [{"distance": Infinity, "carrier": "AA", "day": 1}]}',
    b'{"instances": [{"distance": 1e30, "carrier": "AA", "day": 1}, {"distance": 1e-9, "carrier": "", "day": 0}]}',
    b'{"instances": [{"distance": 1, "carrier": "AA", "day": 1}]} behind',
    b'{"instances": [',
    b'"]}',
    b"\xff",
    b"",
]


def posts(bodies, path=PATH, more=""):
    return [
        f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for body in bodies
    ]


def exchanged(address, requests):
    """Sends all requests, each over its own connection, before any answer is read; returns statuses and bodies."""
    clients = [socket.create_connection(address, timeout=60) for _ in requests]
    for client, request in zip(clients, requests, strict=True):
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
    found = []
    for client in clients:
        with client, client.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
            found.append((int(head.split()[1]), body))
    return found


@pytest.fixture(scope="module")
def server(model_path):
    with ModelServer(
        [ModelConfig("flights", model_path.parent)], ServerOptions(rest_port=0, grpc_port=None)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def together(server):
    return PredictGroups(server.api, BatchingOptions())


@pytest.fixture(scope="module")
def alone(model_path):
    """What a server without batching answers to each of RAW, one after the other."""
    options = ServerOptions(rest_port=0, grpc_port=None, batching=None)
    with ModelServer([ModelConfig("flights", model_path.parent)], options) as server:
        return [exchanged(server.rest.address, [request])[0] for request in posts(RAW)]


def test_each_of_many_gets_the_bytes_that_it_gets_alone(together, alone):
    answers = together.answer([Request("POST", PATH, body=body) for body in RAW])
    assert [(answer.status, answer.body) for answer in answers] == alone
    assert {status for status, _ in alone} == {200, 400}


def test_each_client_of_many_gets_the_bytes_that_it_gets_alone(server, alone):
    assert exchanged(server.rest.address, posts(RAW * 4)) == alone * 4


def test_no_body_can_be_taken_for_a_part_of_another(together):
    """Put one behind the other, the first two would be one body with one row, and the third would bring two."""
    sound = json.dumps({"instances": [row(5)]}).encode()
    hostile = [b'{"instances": [{"distance": 1, "carrier": "', b'", "day": 1}]}', sound + b"," + sound, sound]
    answers = together.answer([Request("POST", PATH, body=body) for body in [*hostile, *hostile]])
    assert [answer.status for answer in answers] == [
        400,
        400,
        200,
        200,
    ] * 2  # what is behind an object is left, as ever
    assert {answer.body for answer in answers if answer.status == 200} == {b'{"predictions":[[16.0]]}\n'}


def test_bad_requests_among_many_fail_alone(together):
    """A value that only the model refuses is found too: the row that it is in is asked alone in the end."""
    bodies = [json.dumps({"instances": [row(number)]}).encode() for number in range(40)]
    bodies[7] = bodies[31] = json.dumps({"instances": [row([[1]])]}).encode()
    answers = together.answer([Request("POST", PATH, body=body) for body in bodies])
    assert [number for number, answer in enumerate(answers) if answer.status != 200] == [7, 31]
    assert json.loads(answers[8].body) == {"predictions": [[8 + 11.0]]}


def test_each_of_those_who_come_together_is_counted_and_logged(model_path, tmp_path):
    options = ServerOptions(rest_port=0, grpc_port=None, log=LogOptions(tmp_path, flush_s=0.05))
    bodies = [json.dumps({"instances": [row(number), row(number + 0.5)]}).encode() for number in range(20)]
    with ModelServer([ModelConfig("flights", model_path.parent)], options) as server:
        answers = PredictGroups(server.api, BatchingOptions()).answer(
            [Request("POST", PATH, body=body) for body in bodies]
        )
        assert [answer.status for answer in answers] == [200] * 20
        page = server.metrics.page().decode()
    assert 'stellwerk_serving_request_rows_sum{model="flights"} 40.0' in page
    assert 'method="predict",model="flights",status="OK",version="3"} 20.0' in page
    assert 'stellwerk_serving_batch_rows_bucket{le="32.0"} 0.0' in page  # all 40 rows were one batch
    rows = pa.concat_tables([pq.read_table(path) for path in tmp_path.rglob("*.parquet")]).to_pydict()
    assert sorted(rows["distance"]) == sorted(number + more for number in range(20) for more in (0, 0.5))
    assert len(set(rows["_request"])) == 20
    answered = [float(np.ravel(value)[0]) for value in rows["_output_predictions"]]
    assert answered == [distance + 11 for distance in rows["distance"]]


def test_a_wrong_token_among_right_ones_is_refused_alone(server):
    api = RestApi(server.models, tokens=Tokens(["flights right"], "here"))
    body = json.dumps({"instances": [row(1)]}).encode()
    tokens = ["right", "wrong", "right", None]
    requests = [Request("POST", PATH, {"authorization": f"Bearer {token}"} if token else {}, body) for token in tokens]
    answers = PredictGroups(api, BatchingOptions()).answer(requests)
    assert [answer.status for answer in answers] == [200, 401, 200, 401]


def test_the_rate_counts_each_of_those_who_come_together_once(server):
    """Those that fail are asked again alone, and are not counted again."""
    api = RestApi(server.models, rate=Rate(0.001, burst=5))
    bodies = [json.dumps({"instances": [row("far" if number % 2 else 1)]}).encode() for number in range(8)]
    answers = PredictGroups(api, BatchingOptions()).answer([Request("POST", PATH, body=body) for body in bodies])
    assert [answer.status for answer in answers] == [200, 400, 200, 400, 200, 429, 429, 429]


@pytest.mark.parametrize(
    ("request_", "taken"),
    [
        (Request("POST", PATH, body=b"{}"), True),
        (Request("POST", "/v1/models/flights/labels/x:predict", body=b"{}"), True),
        (Request("POST", "/v1/models/flights:classify", body=b"{}"), False),
        (Request("POST", "/v1/nothing", body=b"{}"), False),
        (Request("GET", "/v1/models/flights"), False),
        (Request("POST", PATH, {"content-encoding": "gzip"}, b"{}"), False),
        (Request("POST", PATH, body=b" " * 100_000), False),
    ],
)
def test_only_small_plain_predictions_wait_for_others(together, request_, taken):
    assert (together.kind(request_) is not None) is taken


def test_more_predictions_than_may_wait_are_refused_in_tensorflow_servings_words(server):
    together = PredictGroups(server.api, BatchingOptions(max_batch_size=4, max_enqueued_batches=2))
    assert (together.most, together.waiting) == (4, 8)
    refused = together.refuse(Request("POST", PATH, body=b"{}"))
    assert refused.status == 429
    assert b"2 batches enqueued and max_enqueued_batches is 2" in refused.body
