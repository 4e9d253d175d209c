"""Load on a server of this machine: so many clients send the same request one after the other, for so many seconds.

    python benchmarks/load.py rest --port 8501 --path /v1/models/NAME:predict --body FILE --clients 8 --seconds 5

The request is bytes made beforehand. Of every answer it is seen that it is one, is whole and is no error; a few are kept for
whoever knows what is right. One thread waits for all connections, and gRPC is the few frames of HTTP/2 that a call takes, so that
the load costs as little as it can on the cores that it shares with the server: a client of grpcio takes as much CPU as a server.
Writes one JSON object. Sends to the loopback address and nowhere else.
"""

from __future__ import annotations

import argparse
import heapq
import json
import select
import socket
import struct
import time
from pathlib import Path
from typing import Protocol

HOST = "127.0.0.1"
MOST_CLIENTS = 256
MOST_BODY = 60_000
"""Larger bodies would need the flow control of HTTP/2, which is left out here."""

MOST_ERRORS = 1000
MOST_SAMPLES, SAMPLED = 50, 200
"""So many answers are kept, one of so many."""

WARM_SECONDS = 0.5
"""Requests of the first moments, when connections are made, are sent but not counted."""

ERROR_PAUSE = 0.05
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 2**31 - 1
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


class Wrong(Exception):
    """An answer that is an error."""


class Connection(Protocol):
    """One client: what it sends, and what it makes of what comes back."""

    socket: socket.socket
    began: float

    def request(self) -> bytes:
        """Returns the bytes of the next request."""

    def answer(self, data: bytes) -> bytes | None:
        """Takes what came; returns the body of the answer once it is whole. Raises Wrong where it is none."""


class Rest:
    """A connection that is asked over HTTP/1.1."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.socket = _connected(port)
        self.began = 0.0
        self._request = head.encode() + body
        self._buffer = self._head = b""
        self._at = slice(0)

    def request(self) -> bytes:
        """Returns the same request every time."""
        return self._request

    def answer(self, data: bytes) -> bytes | None:
        """Returns the answer once all of it is there."""
        if self._buffer:
            data = self._buffer + data
        head, found, text = data.partition(b"\r\n\r\n")
        if not found or len(text) < self._length(head):
            self._buffer = data
            return None
        self._buffer = b""
        if not head.startswith(b"HTTP/1.1 200"):
            raise Wrong(f"{head[:20]!r} {text[:400]!r}")
        return text

    def _length(self, head: bytes) -> int:
        if len(head) != len(self._head):  # of two heads of one length the same number stands at the same place
            self._head, at = head, head.lower().index(b"content-length:") + 15
            self._at = slice(at, head.find(b"\r\n", at) if b"\r\n" in head[at:] else len(head))
        return int(head[self._at])


class Grpc:
    """A connection that is asked over gRPC, one call at a time. A call is sound when its answer has a message."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        if len(body) > MOST_BODY:
            raise ValueError(f"a body of more than {MOST_BODY} bytes cannot be sent")
        fields = {":path": path, ":authority": HOST, "content-type": "application/grpc", "te": "trailers"}
        headers = b"\x83\x86" + b"".join(_field(name, value) for name, value in fields.items())  # POST, http
        message = b"\0" + struct.pack(">I", len(body)) + body
        self._headers = _head(HEADERS, END_HEADERS, len(headers)), headers + _head(DATA, END_STREAM, len(message))
        self._sent = message
        self._stream = -1
        self._buffer = self._message = b""
        self.began = 0.0
        self.socket = _connected(port)
        settings = _frame(SETTINGS, 0, struct.pack(">HI", 4, WINDOW))
        self.socket.sendall(PREFACE + settings + _frame(WINDOW_UPDATE, 0, struct.pack(">I", WINDOW - 65535)))

    def request(self) -> bytes:
        """Returns the same request every time, as the next stream."""
        self._stream += 2
        number = struct.pack(">I", self._stream)
        first, second = self._headers
        return b"".join((first, number, second, number, self._sent))

    def answer(self, data: bytes) -> bytes | None:
        """Returns the message once its stream has ended."""
        data, at, found = self._buffer + data, 0, None
        while len(data) - at >= 9:
            length, kind, flags = int.from_bytes(data[at : at + 3], "big"), data[at + 3], data[at + 4]
            payload, at = at + 9, at + 9 + length
            if len(data) < at:
                at = payload - 9
                break
            if kind == DATA:
                self._message += data[payload:at]
            elif kind in (RESET, GOAWAY):
                raise ConnectionError(f"ended by the server: {data[payload:at]!r}")
            elif kind in (SETTINGS, PING) and not flags & ACK:
                self.socket.sendall(_frame(kind, ACK, data[payload:at] if kind == PING else b""))
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                found, self._message = self._message, b""
                if len(found) <= 5:
                    self._buffer = data[at:]
                    raise Wrong(f"no message: {data[payload:at]!r}"[:500])
        self._buffer = data[at:]
        return None if found is None else found[5:]


PATIENCE = 30.0
"""Seconds that an answer may take once the time is over; then it counts as an error."""


class Load:
    """Clients that send one request after the other for so many seconds, and what came of it."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._made = (Rest if given.kind == "rest" else Grpc), given.port, given.path, given.body.read_bytes()
        self._pause: float = given.pause
        self._epoll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._asked = 0
        self._paused: list[tuple[float, int, Connection]] = []
        self.counted_from = time.perf_counter() + min(WARM_SECONDS, given.seconds / 4)
        self.until = self.counted_from + given.seconds
        self.sent = 0
        self.latencies: list[float] = []
        self.errors: list[str] = []
        self.samples: list[bytes] = []
        for _ in range(given.clients):
            self._connect()

    def run(self) -> None:
        """Sends and receives until the time is over, and the last answers are there."""
        while self._asked or self._paused:
            for file, _ in self._epoll.poll(self._wait()):
                self._receive(self._open[file])
            now = time.perf_counter()
            if now >= self.until + PATIENCE:
                self.errors += (f"no answer after {now - one.began:.0f} s" for one in self._open.values())
                return
            while self._paused and self._paused[0][0] <= now:
                self._send(heapq.heappop(self._paused)[2], now)

    def _wait(self) -> float:
        return max(0.0, self._paused[0][0] - time.perf_counter()) if self._paused else 1.0

    def _connect(self) -> None:
        kind, port, path, body = self._made
        connection: Connection = kind(port, path, body)
        self._open[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        self._send(connection, time.perf_counter())

    def _send(self, connection: Connection, now: float) -> None:
        if now >= self.until or len(self.errors) >= MOST_ERRORS:
            self._hang_up(connection)
            return
        self.sent += 1
        self._asked += 1
        connection.began = now
        try:
            connection.socket.sendall(connection.request())
        except OSError as error:
            self._failed(connection, error)

    def _receive(self, connection: Connection) -> None:
        pause = self._pause
        try:
            data = connection.socket.recv(65_536)
            if not data:
                raise ConnectionError("the server hung up")
            body = connection.answer(data)
            now = time.perf_counter()
            if body is None:
                return
            if connection.began >= self.counted_from:
                self.latencies.append(now - connection.began)
                if len(self.samples) < MOST_SAMPLES and len(self.latencies) % SAMPLED == 1:
                    self.samples.append(body)
        except Wrong as error:
            self.errors.append(str(error))
            now, pause = time.perf_counter(), ERROR_PAUSE
        except (OSError, ValueError) as error:
            self._failed(connection, error)
            return
        self._asked -= 1
        if pause:
            heapq.heappush(self._paused, (now + pause, id(connection), connection))
        else:
            self._send(connection, now)

    def _failed(self, connection: Connection, error: Exception) -> None:
        self._asked -= 1
        self._hang_up(connection)
        self.errors.append(str(error)[:500])
        if time.perf_counter() < self.until and len(self.errors) < MOST_ERRORS:
            time.sleep(ERROR_PAUSE)
            self._connect()

    def _hang_up(self, connection: Connection) -> None:
        del self._open[connection.socket.fileno()]
        connection.socket.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["rest", "grpc"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True, help="of the URL, or /package.Service/Method")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two requests of a client")
    given = parser.parse_args()
    if not 1 <= given.clients <= MOST_CLIENTS:
        parser.error(f"--clients must be between 1 and {MOST_CLIENTS}")
    load_began = time.process_time()
    load = Load(given)
    load.run()
    seconds, latencies = time.perf_counter() - load.counted_from, sorted(load.latencies)
    found = {
        "sent": load.sent,
        "errors": len(load.errors),
        "first_error": load.errors[0] if load.errors else None,
        "per_second": len(latencies) / seconds,
        "p50": latencies[len(latencies) // 2] if latencies else None,
        "p99": latencies[len(latencies) * 99 // 100] if latencies else None,
        "load_cpu": time.process_time() - load_began,
        "samples": [sample.hex() for sample in load.samples],
    }
    print(json.dumps(found))


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), 60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _head(kind: int, flags: int, length: int) -> bytes:
    """Returns the head of a frame but for the number of its stream."""
    return struct.pack(">I", length)[1:] + bytes((kind, flags))


def _frame(kind: int, flags: int, payload: bytes) -> bytes:
    return _head(kind, flags, len(payload)) + b"\0\0\0\0" + payload


def _field(name: str, value: str) -> bytes:
    """Returns a header that HPACK does not remember; names and values here are shorter than 127 bytes."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


if __name__ == "__main__":
    main()
