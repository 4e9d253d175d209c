"""A server of its own under attack: whatever clients without a token do, it answers for its health and serves the others."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from stellwerk.serving.grpc.server import KEEPS_ABANDONED_CALLS

TOKEN = "a-token-of-the-tests"
HEALTH_S = 5.0
"""A bound that a busy machine keeps; without an attack it is milliseconds."""

PREDICT = "/tensorflow.serving.PredictionService/Predict"
BODY = json.dumps({"instances": [{"distance": 1.0, "carrier": "AA", "day": 2}]}).encode()
START = re.compile(r"answering at http://127\.0\.0\.1:(\d+)/.*gRPC at 127\.0\.0\.1:(\d+)")
ONE_BYTE_CHUNKS = b"1\r\n \r\n" * 20_000
FILES = 512
"""Open files that the server may have."""


@dataclass
class Served:
    """A running server, its ports, and the file of what it logs."""

    process: psutil.Popen
    rest: int
    grpc: int
    log: Path

    def health(self) -> float:
        """Returns how long /healthz took, in seconds."""
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/healthz", timeout=4 * HEALTH_S) as answer:
            assert answer.read() == b"ok\n"
        return time.monotonic() - began

    def predict(self) -> object:
        """Asks the model over REST with the token, and returns what it answered."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest}/v1/models/flights:predict",
            BODY,
            {"Authorization": f"Bearer {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.rest), timeout=60)


def running(model_path: Path, folder: Path, *options: str) -> Iterator[Served]:
    tokens, log = folder / "tokens", folder / "log"
    tokens.write_text(f"flights {TOKEN}\n", encoding="utf-8")
    command = [sys.executable, "-m", "stellwerk", "serve", str(model_path.parent), "--port", "0", "--rest-port", "0"]
    limited = ["bash", "-c", f'ulimit -n {FILES} && exec "$@"', "bash", *command, "--tokens", str(tokens), *options]
    with log.open("w") as stderr:
        process = psutil.Popen(
            limited, stdout=subprocess.DEVNULL, stderr=stderr, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        )
    try:
        until = time.monotonic() + 120
        while (ready := START.search(log.read_text())) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield Served(process, int(ready[1]), int(ready[2]), log)
    finally:
        process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(30)
        if process.is_running():
            process.kill()
            process.wait()


@pytest.fixture(scope="module", params=["--no-grpc-core", "--grpc-core"], ids=["public", "core"])
def server(request, model_path, tmp_path_factory) -> Iterator[Served]:
    yield from running(model_path, tmp_path_factory.mktemp("attacked"), request.param)


@pytest.fixture(autouse=True)
def unharmed(server) -> Iterator[None]:
    """Before and after every attack the server answers and serves."""
    assert server.predict() == {"predictions": [[13.0]]}
    yield
    assert server.process.is_running()
    assert server.health() < HEALTH_S
    assert server.predict() == {"predictions": [[13.0]]}


@contextlib.contextmanager
def meanwhile(attack) -> Iterator[None]:
    """Attacks from another thread as long as the block lasts."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                attack(stop)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def chunked(token: str = "", more: str = "") -> bytes:
    allowed = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /v1/models/flights:predict HTTP/1.1\r\nHost: x\r\n{allowed}{more}Transfer-Encoding: chunked\r\n\r\n"
    return head.encode()


@pytest.mark.parametrize("token", ["", TOKEN], ids=["no token", "token"])
def test_chunks_of_one_byte_hold_nobody_up(server, token):
    def attack(stop):
        with server.connected() as client:
            client.settimeout(2)
            client.sendall(chunked(token))
            while not stop.is_set():
                client.sendall(ONE_BYTE_CHUNKS)

    with meanwhile(attack), meanwhile(attack):
        assert max(server.health() for _ in range(10)) < HEALTH_S
        assert server.predict() == {"predictions": [[13.0]]}


def test_bodies_that_are_announced_and_never_sent_take_no_room(server):
    head = chunked(TOKEN).replace(b"Transfer-Encoding: chunked", b"Content-Length: 67108864")
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(server.connected()).sendall(head)
        time.sleep(0.2)
        with server.connected() as client:
            blank = b" " * 1_000_000
            client.sendall(chunked(TOKEN, "Connection: close\r\n"))
            client.sendall(b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(blank), blank, len(BODY), BODY))
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
        assert server.health() < HEALTH_S


def test_bodies_that_stop_give_way_when_others_need_their_room(server):
    head = chunked(TOKEN).replace(b"Transfer-Encoding: chunked", b"Content-Length: 67108864")
    with contextlib.ExitStack() as stack:
        for _ in range(5):  # of which four fill the room
            client = stack.enter_context(server.connected())
            with contextlib.suppress(OSError):
                client.sendall(head + b" " * 60_000_000)
        time.sleep(1.5)
        with server.connected() as client:
            blank = b" " * 50_000_000
            client.sendall(chunked(TOKEN, "Connection: close\r\n"))
            client.sendall(b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(blank), blank, len(BODY), BODY))
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 ")


def test_a_token_is_asked_for_before_a_body_is_kept_or_unzipped(server):
    before = server.process.memory_info().rss
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(server.connected())
            client.sendall(chunked("not-the-token", "Content-Encoding: gzip\r\n"))
            assert client.recv(1000).startswith(b"HTTP/1.1 401 ")
            with contextlib.suppress(OSError):
                client.sendall(b"a00000\r\n" + b"\x1f\x8b" * 0x500000)
        assert server.health() < HEALTH_S
        assert server.process.memory_info().rss - before < 100 * 2**20


def test_connections_beyond_all_open_files_leave_health_and_others_their_own(server):
    """Idle ones over HTTP/2 on the port of gRPC, and idle ones on that of REST."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    with contextlib.ExitStack() as stack:
        for port, sent in ((server.grpc, preface), (server.rest, b"GET /healthz HTTP/1.1\r\n")):
            for _ in range(FILES + 50):
                with contextlib.suppress(OSError):
                    client = socket.create_connection(("127.0.0.1", port), timeout=10)
                    stack.enter_context(client).sendall(sent)
        assert server.process.num_fds() < FILES
        assert max(server.health() for _ in range(5)) < HEALTH_S
        assert server.predict() == {"predictions": [[13.0]]}


def silent_calls(port: int, metadata) -> tuple[list[grpc.Channel], list[grpc.Future], threading.Event]:
    """Begins 1,030 calls that never send a message, over connections of their own for every 200."""
    stop = threading.Event()
    channels, calls = [], []

    def nothing():
        stop.wait()
        yield from ()

    for number in range(1030):
        if number % 200 == 0:
            options = [("grpc.use_local_subchannel_pool", 1)]
            channels.append(grpc.insecure_channel(f"127.0.0.1:{port}", options))
        call = channels[-1].stream_unary(PREDICT)
        calls.append(call.future(nothing(), metadata=metadata, timeout=120))
    return channels, calls, stop


@pytest.mark.parametrize("token", ["", TOKEN], ids=["no token", "token"])
def test_calls_without_a_message_leave_room_for_others(server, token):
    metadata = [("authorization", f"Bearer {TOKEN}")]
    channels, calls, stop = silent_calls(server.grpc, metadata if token else ())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
            request = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "flights"})
            status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus
            health = health_pb2_grpc.HealthStub(channel).Check
            for _ in range(20):
                assert status(request, metadata=metadata, timeout=60).model_version_status
                assert health(health_pb2.HealthCheckRequest(), timeout=60).status
        assert server.health() < HEALTH_S
        if not token:
            assert calls[0].code() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        stop.set()
        for call in calls:
            call.cancel()
        for channel in channels:
            channel.close()


def test_calls_whose_callers_hang_up_leave_nothing_behind(server, request):
    """The public server of an older grpcio keeps them, which is why it is not the default there."""
    if KEEPS_ABANDONED_CALLS and request.node.callspec.params["server"] == "--no-grpc-core":
        pytest.skip("this grpcio keeps abandoned calls; the default is --grpc-core with it")
    message = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    head = b"\x83\x86" + b"".join(
        b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
        for name, value in ((b":path", b"/grpc.health.v1.Health/Check"), (b"content-type", b"application/grpc"))
    )
    for stream in range(1, 101, 2):
        number = struct.pack(">I", stream)
        message += struct.pack(">I", len(head))[1:] + b"\1\4" + number + head
        message += b"\0\0\5\0\1" + number + b"\0" * 5

    def hang_up(times):
        for _ in range(times):
            with socket.create_connection(("127.0.0.1", server.grpc), timeout=60) as client:
                client.sendall(message)
                client.recv(1000)

    hang_up(100)
    before = server.process.memory_info().rss
    hang_up(200)
    assert server.process.memory_info().rss - before < 60 * 2**20  # 10,000 calls: they were 140 MB


def test_malformed_calls_do_not_fill_the_log(server):
    before = server.log.stat().st_size
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        checks = channel.unary_unary("/grpc.health.v1.Health/Check")
        watches = channel.unary_stream("/grpc.health.v1.Health/Watch")
        for _ in range(200):
            with pytest.raises(grpc.RpcError) as caught:
                checks(b"\xff" * 20, timeout=60)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            with pytest.raises(grpc.RpcError) as caught:
                list(watches(b"\xff" * 20, timeout=60))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    for _ in range(200):
        with server.connected() as client:
            client.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 400 ")
    assert server.log.stat().st_size - before < 20_000


def test_a_connection_that_is_reset_at_once_again_and_again_holds_nobody_up(server):
    linger = struct.pack("ii", 1, 0)

    def attack(stop):
        while not stop.is_set():
            with server.connected() as client:
                client.sendall(chunked(TOKEN) + b"5\r\n")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with meanwhile(attack):
        assert max(server.health() for _ in range(10)) < HEALTH_S


def test_a_request_of_many_requests_is_answered_in_turns(server):
    """Pipelined without an end, by a client that never reads its answers."""

    def attack(stop):
        with server.connected() as client:
            client.settimeout(2)
            while not stop.is_set():
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)

    with meanwhile(attack):
        before = server.process.memory_info().rss
        assert max(server.health() for _ in range(20)) < HEALTH_S
        assert server.process.memory_info().rss - before < 100 * 2**20


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"2\nab\r\n0\r\n\r\n", 400),
        (b"2\r\nab\n0\r\n\r\n", 400),
        (b"2;x\ny\r\nab\r\n0\r\n\r\n", 400),
        (b" 2\r\nab\r\n0\r\n\r\n", 400),
        (b"0x2\r\nab\r\n0\r\n\r\n", 400),
        (b"+2\r\nab\r\n0\r\n\r\n", 400),
        (b"2\rab\r\n0\r\n\r\n", 400),
    ],
)
def test_a_chunk_ends_as_the_standard_says_or_is_refused(server, sent, status):
    with server.connected() as client:
        client.sendall(chunked(TOKEN, "Connection: close\r\n") + sent)
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("depth", [31, 32, 33, 64, 65, 200, 900])
def test_a_cell_that_is_nested_deep_is_refused_in_words(server, depth):
    cell = "[" * depth + "1.0" + "]" * depth
    for body in (
        f'{{"instances": [{{"distance": {cell}, "carrier": "AA", "day": 2}}]}}',
        f'{{"inputs": {{"distance": {cell}, "carrier": ["AA"], "day": [2]}}}}',
    ):
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.rest}/v1/models/flights:predict",
            body.encode(),
            {"Authorization": f"Bearer {TOKEN}"},
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=60)
        with caught.value as answer:
            assert answer.code == 400
            assert json.loads(answer.read())["error"]
