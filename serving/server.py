"""An HTTP server around a model, from the standard library: loopback by default, bounded requests, a clean end."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from stellwerk.errors import UsageError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.rest import RequestError, RestApi
from stellwerk.serving.versions import newest

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Larger requests are refused: they would be held in memory whole."""

SOCKET_TIMEOUT_S = 60.0
"""A connection that sends nothing for so long is closed."""

GRACE_S = 10.0
"""How long the end of the server waits for answers under way."""

_LOG = logging.getLogger(__name__)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and lets the API answer."""

    protocol_version = "HTTP/1.1"
    timeout = SOCKET_TIMEOUT_S
    wbufsize = -1  # head and body of an answer leave together
    server: ModelServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        with self.server.answering():
            self._answer_one()

    def _answer_one(self) -> None:
        try:
            body = self._body()
        except RequestError as refused:
            self.close_connection = True
            self._send(refused.status, (json.dumps({"error": str(refused)}) + "\n").encode())
            return
        try:
            status, value = self.server.api.answer(self.command, self.path, body)
        except Exception:
            _LOG.exception("request failed")
            status, value = 500, b'{"error": "the server could not answer this request; its log says why."}\n'
        self._send(status, value)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            raise RequestError(411, "Send the request with a Content-Length; chunked bodies are not read.")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise RequestError(400, f"Content-Length is not a number: {length:.40}")
        limit = self.server.max_body_bytes
        if int(length) > limit:
            raise RequestError(
                413, f"The request has {length} bytes; at most {limit} are read. Send fewer rows at a time."
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RequestError(400, f"The request ended after {len(body)} of {length} bytes.")
        return body

    def _send(self, status: int, value: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(value)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(value)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers what the HTTP parser refuses in the same form as every other error."""
        self.close_connection = True
        reason = explain or message or self.responses.get(code, ("the request is malformed",))[0]
        self._send(code, (json.dumps({"error": reason}) + "\n").encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        _LOG.info("%s %s", self.address_string(), format % args)


class ModelServer(ThreadingHTTPServer):
    """Answers TensorFlow Serving's REST API for one model, each connection in a thread of its own.

    Raises UsageError when the port is taken. Port 0 takes a free one; `url` says which.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, api: RestApi, host: str = "127.0.0.1", rest_port: int = 8501, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self.api = api
        self.max_body_bytes = max_body_bytes
        self._under_way = 0
        self._changed = threading.Condition()
        try:
            super().__init__((host, rest_port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot listen on {host}:{rest_port}: {reason}. Choose another host or port.") from error

    @property
    def url(self) -> str:
        """Address of the model on this server."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/v1/models/{self.api.name}"

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Marks a request as under way, so that the end of the server waits for its answer."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def server_close(self) -> None:
        """Closes the port, after the answers under way have been sent (or a few seconds have passed)."""
        super().server_close()
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, timeout=GRACE_S)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class calls it so
        """A client that goes away ends its own connection only."""
        _LOG.info("connection of %s ended", client_address, exc_info=True)


def serve(
    model_base_path: Path,
    name: str,
    host: str = "127.0.0.1",
    rest_port: int = 8501,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serves the newest version below `model_base_path` (or the SavedModel that it is) until SIGTERM or SIGINT.

    `ready` is called with the model's address once it answers. Raises ModelError when there is no model that loads, UsageError
    when the address cannot be taken.
    """
    version = newest(model_base_path)
    with (
        LoadedModel(version.path) as model,
        ModelServer(RestApi(model, name, version.number), host, rest_port) as server,
        _stopping(server),
    ):
        if ready is not None:
            ready(server.url)
        server.serve_forever(poll_interval=0.1)


@contextlib.contextmanager
def _stopping(server: ModelServer) -> Iterator[None]:
    """Makes SIGTERM and SIGINT end the server; requests under way are still answered."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
