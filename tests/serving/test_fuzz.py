"""A seeded fuzz of REST: whatever is sent, the server refuses it in words or answers it, and goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import time
from pathlib import Path

import psutil
import pytest

from stellwerk.serving.config import ModelConfig
from stellwerk.serving.http import Limits
from stellwerk.serving.server import ModelServer, ServerOptions

SEED = 20_261_121
ROW = {"distance": 1.0, "carrier": "AA", "day": 2}

BODIES = [
    {"instances": [ROW, ROW]},
    {"inputs": {"distance": [1.0, 2.0], "carrier": ["AA", "B"], "day": [0, 1]}},
    {"signature_name": "names", "instances": ["a", {"b64": "AAEC"}]},
    {"signature_name": "serve_examples", "inputs": {"examples": ["", {"b64": "CgA="}]}},
    {"context": {"carrier": "AA"}, "examples": [{"distance": 1.0, "day": [1]}]},
]

VALUES = [
    *(None, True, False, 0, -1, 1.5, 1e300, -0.0, 2**31, 2**63, -(2**63), 2**64, 10**400, float("nan"), float("inf")),
    *(
        "",
        "a",
        "\x00",
        "\ud800",
        "é" * 1000,
        [],
        [[]],
        [[[]]],
        [None],
        [1, "a"],
        [[1], [1, 2]],
        {},
        {"b64": "!"},
        {"b64": ""},
    ),
    *({"b64": 1}, {"": {}}, {"instances": []}, [{}], [{"b64": "AA=="}, 1]),
]

PATHS = [
    "",
    ":predict",
    ":classify",
    ":regress",
    "/metadata",
    "/versions/3:predict",
    "/versions/9",
    "/labels/x:predict",
]


def nested(depth):
    return b'{"instances": ' + b"[" * depth + b"]" * depth + b"}"


def mutated(chance, value):
    """Returns a JSON value with one of its parts changed."""
    if chance.random() < 0.3 or not isinstance(value, (dict, list)) or not value:
        return chance.choice(VALUES)
    if isinstance(value, list):
        index = chance.randrange(len(value))
        change = chance.choice([[], [value[index]] * 2, [mutated(chance, value[index])]])
        return [*value[:index], *change, *value[index + 1 :]]
    key = chance.choice(list(value))
    rest = {name: item for name, item in value.items() if name != key}
    renamed = chance.choice([key, key, key, key + "x", "inputs", ""])
    return rest if chance.random() < 0.15 else {**rest, renamed: mutated(chance, value[key])}


def body(chance):
    if chance.random() < 0.05:
        return nested(chance.choice([10, 1000, 20_000]))
    made = json.dumps(mutated(chance, chance.choice(BODIES))).encode()
    if chance.random() < 0.3:
        position = chance.randrange(len(made) + 1)
        noise = chance.randbytes(chance.randrange(4))
        made = made[:position] + noise + made[position + chance.randrange(5) :]
    return made


def path(chance):
    made = "/v1/models/flights" + chance.choice(PATHS)
    if chance.random() < 0.2:
        position = chance.randrange(1, len(made))
        made = made[:position] + chance.choice(["%00", "..", "/", ":", "%2e%2e%2f", "?x=1", "%", "A"]) + made[position:]
    return made


@pytest.fixture(scope="module")
def server(model_path):
    limits = Limits(head_s=2, body_s=2, idle_s=5)
    with ModelServer(
        [ModelConfig("flights", model_path.parent)], ServerOptions(rest_port=0, grpc_port=None, limits=limits)
    ) as running:
        yield running


@pytest.fixture
def unharmed(server, ask):
    """Afterwards the server still answers and holds no more files and threads than before."""

    def held():
        process = psutil.Process()
        return len(list(Path("/proc/self/fd").iterdir())), process.num_threads()

    assert ask(f"{server.url('flights')}:predict", {"instances": [ROW]}) == (200, {"predictions": [[13.0]]})
    before = held()
    yield
    until = time.monotonic() + 60
    while server.rest.connections and time.monotonic() < until:
        time.sleep(0.05)
    assert ask(f"{server.url('flights')}:predict", {"instances": [ROW]}) == (200, {"predictions": [[13.0]]})
    time.sleep(0.1)
    assert all(now <= then + 2 for now, then in zip(held(), before, strict=True))


def test_requests_with_changed_bodies_and_paths_get_an_answer_that_is_no_500(server, unharmed):
    chance = random.Random(SEED)
    connection = http.client.HTTPConnection(*server.rest.address, timeout=60)
    seen = set()
    for number in range(1500):
        method, target, sent = chance.choice(["POST", "POST", "POST", "GET", "PUT"]), path(chance), body(chance)
        connection.request(method, target, sent)
        answer = connection.getresponse()
        value = json.loads(answer.read().decode("utf-8"))
        seen.add(answer.status)
        assert answer.status in (200, 400, 404), (number, method, target, sent[:200], value)
        assert answer.status == 200 or list(value) == ["error"]
    connection.close()
    assert seen == {200, 400, 404}


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
