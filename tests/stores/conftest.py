"""Places to read from that tests start: object stores with a bucket, and a web server over a folder."""

# ruff: noqa: PLC0415 - a client is imported by the tests that need it

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from stellwerk.stores import patience


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)


@dataclass
class Stored:
    """A bucket of a running object store."""

    uri: str
    server: Any
    put: Callable[[str, bytes], None]
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    refuse: Callable[[str, str], int | None] = field(default=lambda method, path: None)
    delete: Callable[[str], None] = field(default=lambda name: None)
    condition: Callable[[str], int | None] = field(default=lambda path: None)
    """What the server answers where a condition in the path is not met, which its emulator passes over."""

    def _answer(self, method: str, path: str) -> int | None:
        self.asked.append((method, path))
        return self.refuse(method, path) or self.condition(path)


def _watched(stored: Stored) -> Stored:
    stored.server.refuse = stored._answer
    return stored


@pytest.fixture
def s3(s3_store: Any) -> Stored:
    def put(name: str, content: bytes) -> None:
        s3_store.content.put_object(Bucket="models", Key=name, Body=content)

    def delete(name: str) -> None:
        s3_store.content.delete_object(Bucket="models", Key=name)

    return _watched(Stored("s3://models", s3_store, put, delete=delete))


@pytest.fixture
def gcs(gcs_store: Any) -> Stored:
    from gcp_storage_emulator.exceptions import NotFound
    from google.cloud import storage

    bucket = storage.Client(project=None).bucket("models")

    def put(name: str, content: bytes) -> None:
        bucket.blob(name).upload_from_string(content)

    def delete(name: str) -> None:
        bucket.blob(name).delete()

    def condition(path: str) -> int | None:
        asked = urlsplit(path)
        wanted = parse_qs(asked.query).get("ifGenerationMatch", ["0"])[0]
        if wanted == "0" or "/o/" not in asked.path:
            return None
        name = unquote(asked.path.partition("/o/")[2])
        try:
            now = gcs_store.content.get_file_obj("models", name)["generation"]
        except NotFound:
            return None
        return None if str(now) == wanted else 412

    return _watched(Stored("gs://models", gcs_store, put, delete=delete, condition=condition))


@pytest.fixture(params=["s3", "gcs"])
def stored(request: pytest.FixtureRequest) -> Stored:
    """Each kind of object store in turn."""
    found: Stored = request.getfixturevalue(request.param)
    return found


class Wire(socketserver.ThreadingTCPServer):
    """Stands between client and server, and cuts the first connections after so many bytes of the answer."""

    daemon_threads = True
    cuts, after = 0, 0

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Cutting)
        host, _, port = server.partition("://")[2].partition(":")
        self.server = (host, int(port))

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Cutting(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(self.server.server) as upstream:
            asking = threading.Thread(target=self._pass, args=(self.request, upstream), daemon=True)
            asking.start()
            self._pass(upstream, self.request, answer=True)
            upstream.shutdown(socket.SHUT_RDWR)
            self.request.shutdown(socket.SHUT_RDWR)
            asking.join()

    def _pass(self, source: socket.socket, target: socket.socket, answer: bool = False) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 14):
                target.sendall(piece)
                passed += len(piece)
                if answer and self.server.cuts and passed > self.server.after:
                    self.server.cuts -= 1
                    return


@pytest.fixture
def wire(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to the object store, which the environment names in its place."""
    server = Wire(stored.server.address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    for name in ("AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST"):
        monkeypatch.setenv(name, server.uri)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Web:
    """A web server over some files, and how it is to misbehave."""

    uri: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Added to every answer."""
    head: bool = True
    """Whether it answers HEAD."""
    ranges: bool = True
    """Whether it gives parts of a file."""
    most: int | None = None
    """It breaks off after so many bytes."""
    statuses: list[int] = field(default_factory=list)
    """What it answers to the next requests instead."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and range of every request."""
    before: Callable[[], None] = field(default=lambda: None)
    """Is called before a request for a part is answered."""


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {**headers, **web.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body if web.most is None else body[: web.most])

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            web.asked.append((self.command, wanted))
            if self.headers.get("If-Match"):
                web.before()
            content = web.files.get(self.path.partition("?")[0])
            if web.statuses:
                self._answer(web.statuses.pop(0), {"Content-Length": "0"})
            elif self.command == "HEAD" and not web.head:
                self._answer(405, {"Content-Length": "0"})
            elif content is None:
                self._answer(404, {"Content-Length": "0"})
            elif wanted and web.ranges:
                start, _, end = wanted.removeprefix("bytes=").partition("-")
                part = content[int(start) : int(end) + 1 if end else None]
                where = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
                self._answer(206, {"Content-Length": str(len(part)), "Content-Range": where}, part)
            else:
                accepts = {"Accept-Ranges": "bytes"} if web.ranges else {}
                self._answer(200, {"Content-Length": str(len(content)), **accepts}, content)

        do_HEAD = do_GET  # noqa: N815

    return Handler


@pytest.fixture
def web() -> Iterator[Web]:
    found = Web(headers={"ETag": '"first"'})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
