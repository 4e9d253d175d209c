"""HTTP/1.1 requests and responses as bytes: strict about what is read, so that no proxy reads a request otherwise."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

HEAD_BYTES = 32 * 1024
"""The longest head of a request that is read."""

_PIECE_BYTES = 4 * 1024 * 1024

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
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        if close:
            extra += "Connection: close\r\n"
        head = (
            f"{_STATUS_LINES[self.status]}Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
            f"Date: {_date(int(time.time()))}\r\n{extra}\r\n"
        )
        return head.encode("latin-1") if head_only else head.encode("latin-1") + self.body


_dated = (0, "")


def _date(now: int) -> str:
    global _dated  # noqa: PLW0603 - the text of this second, made once; a race makes it twice
    if _dated[0] != now:
        _dated = (now, formatdate(now, usegmt=True))
    return _dated[1]


def head_of(buffer: bytearray, body_bytes: int) -> Request | None:
    """Takes the head of a request from the buffer; None while it is not whole. Raises HttpRefused."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0 or end > HEAD_BYTES:
        if len(buffer) > HEAD_BYTES:
            raise HttpRefused(431, f"The head of the request is longer than {HEAD_BYTES} bytes.")
        return None
    lines = buffer[:end].decode("latin-1").split("\r\n")
    del buffer[: end + 4]
    method, target, version = _request_line(lines[0])
    headers = _headers(lines[1:])
    length = _length(headers, body_bytes)
    connection = headers.get("connection", "").lower()
    close = "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection)
    return Request(method, target.partition("?")[0], headers, length=length, close=close)


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
        raise HttpRefused(413, _too_large(limit))
    return int(length)


def _too_large(limit: int) -> str:
    return f"The request is too large: at most {limit} bytes are read. Send fewer rows at a time."


class Sender(Protocol):
    """The client's side of a connection, as the reader of a body needs it."""

    def receive(self) -> bool:
        """Reads more into the buffer; False at the end of what the client sends."""

    def hold(self, size: int) -> None:
        """Takes room in memory; raises HttpRefused without any."""

    def proceed(self) -> None:
        """Tells the client to send the body."""


def read_body(request: Request, buffer: bytearray, sender: Sender, limit: int) -> bytes:
    """Takes the body from the buffer that `sender` fills. Raises HttpRefused."""
    if request.length == 0:
        return b""
    if request.headers.get("expect", "").lower() == "100-continue" and not buffer:
        sender.proceed()
    body = _chunked(buffer, sender, limit) if request.length < 0 else _exactly(request.length, buffer, sender)
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding == "gzip":
        return _unzipped(body, limit, sender)
    if coding != "identity":
        raise HttpRefused(415, f"The body has the encoding '{coding:.40}'; gzip and none are read.")
    return body


def _exactly(length: int, buffer: bytearray, sender: Sender) -> bytes:
    sender.hold(length)
    while len(buffer) < length:
        if not sender.receive():
            raise HttpRefused(400, f"The request ended after {len(buffer)} of {length} bytes.")
    body = bytes(buffer) if len(buffer) == length else bytes(buffer[:length])
    del buffer[:length]
    return body


def _line(buffer: bytearray, sender: Sender) -> bytes:
    while (end := buffer.find(b"\r\n")) < 0:
        if len(buffer) > 4096 or not sender.receive():
            raise HttpRefused(400, "The chunked body is malformed.")
    line = bytes(buffer[:end])
    del buffer[: end + 2]
    return line


def _chunked(buffer: bytearray, sender: Sender, limit: int) -> bytes:
    body = bytearray()
    while True:
        digits = _line(buffer, sender).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
            raise HttpRefused(400, "The chunked body is malformed.")
        size = int(digits, 16)
        if len(body) + size > limit:
            raise HttpRefused(413, _too_large(limit))
        if size == 0:
            break
        body += _exactly(size, buffer, sender)
        if _line(buffer, sender):
            raise HttpRefused(400, "The chunked body is malformed.")
    trailers = 0
    while line := _line(buffer, sender):
        trailers += len(line)
        if trailers > HEAD_BYTES:
            raise HttpRefused(431, "The trailers of the chunked body are too long.")
    return bytes(body)


def _unzipped(body: bytes, limit: int, sender: Sender) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    plain = bytearray()
    try:
        while not unzip.eof and len(plain) <= limit:
            piece = unzip.decompress(body, _PIECE_BYTES)
            body = unzip.unconsumed_tail
            if not piece and not body:
                break
            sender.hold(len(piece))
            plain += piece
    except zlib.error as error:
        raise HttpRefused(400, "The body is not gzip, as its Content-Encoding says.") from error
    if len(plain) > limit:
        raise HttpRefused(413, _too_large(limit))
    if not unzip.eof:
        raise HttpRefused(400, "The gzip body is cut off.")
    return bytes(plain)
