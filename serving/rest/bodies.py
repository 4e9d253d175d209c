"""The bodies of HTTP/1.1 requests, read as they come: of a known length, chunked, and zipped."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable
from typing import Protocol

from stellwerk.serving.rest.messages import HEAD_BYTES, HttpRefused, Request, Response, too_large

_PIECE_BYTES = 4 * 1024 * 1024
_LINE_BYTES = 4096

Hold = Callable[[int], None]
"""Takes room in memory for so many bytes; raises HttpRefused without any."""


class Body(Protocol):
    """A body that is being read."""

    def take(self, buffer: bytearray) -> bytes | None:
        """Takes what has come from the buffer; returns the body once it is whole. Raises HttpRefused."""

    def missing(self, buffer: bytearray) -> str:
        """Says what lacks, for a client that has ended before."""


def body_of(request: Request, limit: int, hold: Hold) -> Body:
    """Returns what reads the body of a request; raises HttpRefused without room for it, or for an encoding that is not read."""
    if request.coding not in ("identity", "gzip"):
        raise HttpRefused(415, f"The body has the encoding '{request.coding:.40}'; gzip and none are read.")
    return Chunked(limit, hold) if request.length < 0 else Exactly(request.length, hold)


class Exactly:
    """A body of a known length."""

    def __init__(self, length: int, hold: Hold) -> None:
        hold(length)
        self._length = length

    def take(self, buffer: bytearray) -> bytes | None:
        """Takes the body once all of it is there."""
        length = self._length
        if len(buffer) < length:
            return None
        body = bytes(buffer) if len(buffer) == length else bytes(buffer[:length])
        del buffer[:length]
        return body

    def missing(self, buffer: bytearray) -> str:
        """Says how many bytes came."""
        return f"The request ended after {len(buffer)} of {self._length} bytes."


class Chunked:
    """A body in pieces that tell their length, and trailers, which are read and left."""

    def __init__(self, limit: int, hold: Hold) -> None:
        self._limit, self._hold = limit, hold
        self._body = bytearray()
        self._read: Callable[[bytearray], bool] = self._size
        self._left = 0
        self._trailers = 0
        self._whole = False

    def take(self, buffer: bytearray) -> bytes | None:
        """Takes the pieces that are there; returns the body behind the last one."""
        while self._read(buffer):
            if self._whole:
                return bytes(self._body)
        return None

    def missing(self, _: bytearray) -> str:
        """Says that it is not whole."""
        return "The chunked body is malformed."

    def _size(self, buffer: bytearray) -> bool:
        line = _line(buffer)
        if line is None:
            return False
        digits = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
            raise HttpRefused(400, "The chunked body is malformed.")
        self._left = int(digits, 16)
        if len(self._body) + self._left > self._limit:
            raise HttpRefused(413, too_large(self._limit))
        self._hold(self._left)
        self._read = self._piece if self._left else self._trailer
        return True

    def _piece(self, buffer: bytearray) -> bool:
        taken = buffer[: self._left]
        del buffer[: len(taken)]
        self._body += taken
        self._left -= len(taken)
        if self._left:
            return False
        self._read = self._end
        return True

    def _end(self, buffer: bytearray) -> bool:
        line = _line(buffer)
        if line is None:
            return False
        if line:
            raise HttpRefused(400, "The chunked body is malformed.")
        self._read = self._size
        return True

    def _trailer(self, buffer: bytearray) -> bool:
        line = _line(buffer)
        if line is None:
            return False
        self._trailers += len(line)
        if self._trailers > HEAD_BYTES:
            raise HttpRefused(431, "The trailers of the chunked body are too long.")
        self._whole = not line
        return True


def _line(buffer: bytearray) -> bytes | None:
    end = buffer.find(b"\r\n")
    if end < 0:
        if len(buffer) > _LINE_BYTES:
            raise HttpRefused(400, "The chunked body is malformed.")
        return None
    line = bytes(buffer[:end])
    del buffer[: end + 2]
    return line


def unzipped(body: bytes, limit: int, hold: Hold) -> bytes:
    """Returns what a gzip body holds; raises HttpRefused where it is none, is cut off or holds too much."""
    unzip = zlib.decompressobj(wbits=31)
    plain = bytearray()
    try:
        while not unzip.eof and len(plain) <= limit:
            piece = unzip.decompress(body, _PIECE_BYTES)
            body = unzip.unconsumed_tail
            if not piece and not body:
                break
            hold(len(piece))
            plain += piece
    except zlib.error as error:
        raise HttpRefused(400, "The body is not gzip, as its Content-Encoding says.") from error
    if len(plain) > limit:
        raise HttpRefused(413, too_large(limit))
    if not unzip.eof:
        raise HttpRefused(400, "The gzip body is cut off.")
    return bytes(plain)


class Room:
    """The memory that large bodies may take together; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Takes room for a body; raises HttpRefused when too many are held already."""
        with self._lock:
            if size > self._left:
                raise HttpRefused(503, "The server holds too many large requests now. Try again later.")
            self._left -= size

    def give_back(self, size: int) -> None:
        """Gives the room of a body back."""
        with self._lock:
            self._left += size


def unzipping(answer: Callable[[Request], Response], limit: int, room: Room) -> Callable[[Request], Response]:
    """Returns what answers requests whose bodies may be zipped: in the thread that answers, as it may take long."""

    def answered(request: Request) -> Response:
        if request.coding == "identity" or not request.body:
            return answer(request)
        taken = 0

        def hold(size: int) -> None:
            nonlocal taken
            room.take(size)
            taken += size

        try:
            request.body = unzipped(request.body, limit, hold)
            return answer(request)
        except HttpRefused as refused:
            return Response.error(refused.status, str(refused))
        finally:
            room.give_back(taken)

    return answered
