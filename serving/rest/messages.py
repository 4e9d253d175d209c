"""HTTP/1.1 requests and responses as bytes: strict about what is read, so that no proxy reads a request otherwise."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType

HEAD_BYTES = 32 * 1024
"""The longest head of a request that is read."""

_KNOWN_BYTES = 2048
"""Heads up to this size are read once: a client sends the same one again and again."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(r"[A-Z]{1,20}")
_TARGET = re.compile(r"/[\x21-\x7e]*")
_ONCE = frozenset({"content-length", "host", "authorization", "transfer-encoding"})
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_STATUS_LINES[499] = "HTTP/1.1 499 Client Closed Request\r\n"


class HttpRefused(Exception):
    """A request that cannot be read; the connection ends after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Request:
    """A request; `path` is without the query, headers have small letters, `length` is -1 for a chunked body."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int = 0
    close: bool = False
    began: float = field(default_factory=time.perf_counter)
    """When the request was there whole."""

    @property
    def coding(self) -> str:
        """How the body is encoded."""
        return self.headers.get("content-encoding", "identity").lower()

    def whole(self, body: bytes) -> Request:
        """Returns the request with its body, as of now."""
        return Request(self.method, self.path, self.headers, body, self.length, self.close)


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
        head = _answer_head(self.status, self.content_type, len(self.body), close, int(time.time()))
        if self.headers:
            more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            head = head[:-2] + more.encode("latin-1") + b"\r\n"
        return head if head_only else head + self.body


@lru_cache(256)
def _answer_head(status: int, content_type: str, length: int, close: bool, now: int) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return (
        f"{_STATUS_LINES[status]}Content-Type: {content_type}\r\nContent-Length: {length}\r\n"
        f"Date: {formatdate(now, usegmt=True)}\r\n{end}\r\n"
    ).encode("latin-1")


def head_of(buffer: bytearray, body_bytes: int) -> Request | None:
    """Takes the head of a request from the buffer; None while it is not whole. Raises HttpRefused."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0 or end > HEAD_BYTES:
        if len(buffer) > HEAD_BYTES:
            raise HttpRefused(431, f"The head of the request is longer than {HEAD_BYTES} bytes.")
        return None
    head = bytes(buffer[:end])
    del buffer[: end + 4]
    return _known_head(head, body_bytes) if end <= _KNOWN_BYTES else _head(head, body_bytes)


def _head(head: bytes, body_bytes: int) -> Request:
    lines = head.decode("latin-1").split("\r\n")
    method, target, version = _request_line(lines[0])
    headers = _headers(lines[1:])
    length = _length(headers, body_bytes)
    connection = headers.get("connection", "").lower()
    close = "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection)
    return Request(method, target.partition("?")[0], MappingProxyType(headers), length=length, close=close)


_known_head = lru_cache(1024)(_head)


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not _METHOD.fullmatch(parts[0]) or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpRefused(400, f"This is not an HTTP/1.1 request: {line[:80]!r}.")
    method, target, version = parts
    if target.startswith("http://"):
        target = "/" + target[7:].partition("/")[2]
    if not _TARGET.fullmatch(target) and target != "*":
        raise HttpRefused(400, f"The address of the request is malformed: {target[:80]!r}.")
    return method, target, version


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or "\0" in value or "\n" in value or "\r" in value:
            raise HttpRefused(400, f"The request has a malformed header: {name[:40]!r}.")
        key = name.lower()
        if key in headers and key in _ONCE:
            raise HttpRefused(400, f"The request has the header {name} twice.")
        headers[key] = value.strip(" \t")
    return headers


def _length(headers: Mapping[str, str], limit: int) -> int:
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise HttpRefused(400, "Send the request either with a Content-Length or chunked.")
        return -1
    if length is None:
        return 0
    if not (length.isascii() and length.isdecimal()):
        raise HttpRefused(400, f"Content-Length is not a number: {length:.40}")
    if len(length) > 18 or int(length) > limit:
        raise HttpRefused(413, too_large(limit))
    return int(length)


def too_large(limit: int) -> str:
    """Says how large a body may be."""
    return f"The request is too large: at most {limit} bytes are read. Send fewer rows at a time."
