"""Requests and responses of the REST API, as what answers them sees them: no sockets and no server here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

HEAD_BYTES = 32 * 1024
"""The longest head of a request that is read."""

_ONCE = frozenset({"content-length", "host", "authorization", "transfer-encoding"})
_MOST_DIGITS = 18

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_STATUS_LINES[499] = "HTTP/1.1 499 Client Closed Request\r\n"


class HttpRefused(Exception):
    """A request that cannot be read; the connection ends after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Request:
    """A request; `path` is as it was sent, without the query. `headers` are asked with small letters."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    began: float = field(default_factory=time.perf_counter)
    """When the request was there whole."""

    @property
    def coding(self) -> str:
        """How the body is encoded."""
        return self.headers.get("content-encoding", "identity").lower()

    def whole(self, body: bytes) -> Request:
        """Returns the request with its body, as of now."""
        return Request(self.method, self.path, self.headers, body)


class Head:
    """The head of a request while it comes. What reads it has checked how it is written; here is what it may say."""

    def __init__(self) -> None:
        self.target = b""
        self._headers: dict[str, str] = {}

    def add(self, name: bytes, value: bytes) -> None:
        """Takes a header; raises HttpRefused for a second one where that would be read in two ways."""
        key = name.decode("latin-1").lower()
        if key in self._headers and key in _ONCE:
            raise HttpRefused(400, f"The request has the header {key} twice.")
        self._headers[key] = value.decode("latin-1")

    @property
    def expects(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        return self._headers.get("expect", "").lower() == "100-continue"

    def request(self, method: str) -> Request:
        """Returns the request, without its body; raises HttpRefused for an address that is none."""
        target = self.target.decode("latin-1")
        if target.startswith("http://"):
            target = "/" + target[7:].partition("/")[2]
        if target != "*" and not (target.startswith("/") and target.isascii() and target.isprintable()):
            raise HttpRefused(400, f"The address of the request is malformed: {target[:80]!r}.")
        return Request(method, target.partition("?")[0], self._headers)

    def length(self, limit: int) -> int:
        """Returns the length of the body, -1 where it is chunked; raises HttpRefused for one that is not read."""
        headers = self._headers
        coding = headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip"):
            raise HttpRefused(415, f"The body has the encoding '{coding:.40}'; gzip and none are read.")
        chunked = headers.get("transfer-encoding")
        length = headers.get("content-length")
        if chunked is not None:
            if chunked.lower() != "chunked" or length is not None:
                raise HttpRefused(400, "Send the request either with a Content-Length or chunked.")
            return -1
        if length is None:
            return 0
        if not (length.isascii() and length.isdecimal()):
            raise HttpRefused(400, f"Content-Length is not a number: {length:.40}")
        if len(length) > _MOST_DIGITS or int(length) > limit:
            raise HttpRefused(413, too_large(limit))
        return int(length)


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def error(cls, status: int, message: str) -> Response:
        """An error in TensorFlow Serving's form."""
        body = json.dumps({"error": message}, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Retry-After": "1"} if status in (429, 503) else {}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return cls(status, body + b"\n", headers=headers)

    def encoded(self, close: bool = False, head_only: bool = False) -> bytes:
        """The bytes on the wire."""
        head = _head(self.status, self.content_type, len(self.body), close, int(time.time()))
        if self.headers:
            more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            head = head[:-2] + more.encode("latin-1") + b"\r\n"
        return head if head_only else head + self.body


@lru_cache(256)
def _head(status: int, content_type: str, length: int, close: bool, now: int) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return (
        f"{_STATUS_LINES[status]}Content-Type: {content_type}\r\nContent-Length: {length}\r\n"
        f"Date: {formatdate(now, usegmt=True)}\r\n{end}\r\n"
    ).encode("latin-1")


def too_large(limit: int) -> str:
    """Says how large a body may be."""
    return f"The request is too large: at most {limit} bytes are read. Send fewer rows at a time."
