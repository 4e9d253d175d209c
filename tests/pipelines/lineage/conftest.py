"""A server on the loopback interface that takes OpenLineage events as Marquez does, and one that is slow or refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Receiver(ThreadingHTTPServer):
    """Keeps the events that arrive. `status` is its answer; while `open` is not set it answers nobody."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.status = 201
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.open.wait()
        if self.path == "/api/v1/lineage" and self.server.status < 300:
            self.server.events.append(json.loads(body))
            self.server.keys.add(self.headers.get("Authorization"))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.open.set()
    server.shutdown()
    server.server_close()
    thread.join()


Events = Callable[[Any], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def events() -> Events:
    """Reads the events of a run; without a run folder, of the newest run of a spec."""

    def read(path: Any) -> list[dict[str, Any]]:
        if path.is_file():
            path = sorted(path.parent.glob("runs/*/[0-9]*"))[-1]
        return [json.loads(line) for line in (path / "openlineage.jsonl").read_text(encoding="utf-8").splitlines()]

    return read
