"""Attacks on a server of this machine, beside ordinary load: what clients without a token can do, again and again.

    python benchmarks/attacks.py --rest-port 8501 --grpc-port 8500 --seconds 60

Writes one JSON object: how often each attack was made, and the longest that /healthz took meanwhile, in seconds. Attacks are made one
after the other, so that ordinary load keeps a share of the cores. Sends to the loopback address and nowhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import struct
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator

from load import END_HEADERS, HEADERS, HOST, PREFACE, SETTINGS, Grpc, _frame

PREDICT = "/tensorflow.serving.PredictionService/Predict"
CHECK = "/grpc.health.v1.Health/Check"
PATH = "/v1/models/model:predict"
IDLE = 60
"""Connections that one attack opens."""

SILENT = 200
"""Calls that one connection begins and never sends."""

PAUSE = 0.2


def chunks_of_one_byte(rest: int, _: int) -> None:
    """Sends a megabyte of chunks of one byte."""
    with _connected(rest) as client:
        client.sendall(_head("Transfer-Encoding: chunked") + b"1\r\n \r\n" * 170_000)


def bodies_never_sent(rest: int, _: int) -> None:
    """Announces 64 MiB four times, and half of one is sent."""
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(_connected(rest)).sendall(_head("Content-Length: 67108864"))
        stack.enter_context(_connected(rest)).sendall(_head("Content-Length: 67108864") + b" " * 8_000_000)
        time.sleep(PAUSE)


def zipped_nothing(rest: int, _: int) -> None:
    """Sends a body that says it is zipped and is not."""
    with _connected(rest) as client:
        client.sendall(_head("Content-Encoding: gzip\r\nContent-Length: 100000") + b"\x1f\x8b" * 50_000)
        client.recv(1000)


def idle_connections(rest: int, grpc: int) -> None:
    """Opens connections on both ports and says no more than hello."""
    with contextlib.ExitStack() as stack:
        for port, hello in ((grpc, PREFACE + _frame(SETTINGS, 0, b"")), (rest, b"GET /healthz HTTP/1.1\r\n")):
            for _ in range(IDLE):
                stack.enter_context(_connected(port)).sendall(hello)
        time.sleep(PAUSE)


def calls_without_a_message(_: int, grpc: int) -> None:
    """Begins calls and never sends their messages."""
    client = Grpc(grpc, PREDICT, b"")
    with client.socket:
        head = client.request()[9 : 9 + int.from_bytes(client.request()[:3], "big")]
        for stream in range(5, 5 + 2 * SILENT, 2):
            frame = _frame(HEADERS, END_HEADERS, head)
            client.socket.sendall(frame[:5] + struct.pack(">I", stream) + frame[9:])
        time.sleep(PAUSE)


def malformed_health_checks(_: int, grpc: int) -> None:
    """Sends health checks whose bytes are no message."""
    client = Grpc(grpc, CHECK, b"\xff" * 20)
    with client.socket:
        for _ in range(50):
            client.socket.sendall(client.request())
        client.socket.recv(65_536)


def requests_that_are_none(rest: int, _: int) -> None:
    """Sends what is no HTTP, a chunk that ends wrongly, and resets the connection."""
    for sent in (b"\x16\x03\x01 no HTTP\r\n\r\n", _head("Transfer-Encoding: chunked") + b"2\nab\r\n0\r\n\r\n"):
        with _connected(rest) as client:
            client.sendall(sent)
            client.recv(1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ATTACKS: tuple[Callable[[int, int], None], ...] = (
    chunks_of_one_byte,
    bodies_never_sent,
    zipped_nothing,
    idle_connections,
    calls_without_a_message,
    malformed_health_checks,
    requests_that_are_none,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rest-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    made, slowest, until = Counter[str](), 0.0, time.monotonic() + given.seconds
    for attack in _again(until):
        with contextlib.suppress(ConnectionError, TimeoutError):  # the server may hang up on an attacker
            attack(given.rest_port, given.grpc_port)
        made[attack.__name__] += 1
        slowest = max(slowest, _health(given.rest_port))
    print(json.dumps({"attacks": made, "slowest_health": slowest}))


def _again(until: float) -> Iterator[Callable[[int, int], None]]:
    while True:
        for attack in ATTACKS:
            if time.monotonic() >= until:
                return
            yield attack


def _health(port: int) -> float:
    began = time.monotonic()
    with urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=30) as answer:
        answer.read()
    return time.monotonic() - began


def _connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), 10)


def _head(more: str) -> bytes:
    return f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{more}\r\n\r\n".encode()


if __name__ == "__main__":
    main()
