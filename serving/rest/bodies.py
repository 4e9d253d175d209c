"""The bodies of requests, read as they come: what is counted and held is what has come, never what was announced."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Protocol

from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import HttpRefused, Request, Response, too_large

_PIECE_BYTES = 4 * 1024 * 1024

_COUNTED_BYTES = 64 * 1024
"""A body up to this size is bounded by the number of connections alone."""

Hold = Callable[[int], None]
"""Takes room in memory for so many bytes; raises HttpRefused without any."""


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


class Holds(Protocol):
    """Who lets bodies be held."""

    limits: Limits
    room: Room

    def make_room(self) -> bool:
        """Has the body that is sent slowest give way, and says whether there was one."""


class Incoming:
    """A request of which the head has come, and of its body so much."""

    def __init__(self, request: Request, host: Holds, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response: Response | None = None
        """The answer that needs no body, which is read away then."""
        self._request, self._host = request, host
        self._body = bytearray()
        self._held = 0

    def take(self, data: bytes) -> None:
        """Takes a part of the body; raises HttpRefused where that is too much."""
        if self.response is not None:
            return
        self._body += data
        size, limit = len(self._body), self._host.limits.body_bytes
        if size > limit:
            raise HttpRefused(413, too_large(limit))
        if size > _COUNTED_BYTES:
            self._hold(size - self._held)

    def _hold(self, size: int) -> None:
        while True:
            try:
                self._host.room.take(size)
            except HttpRefused:
                if not self._host.make_room():
                    raise
            else:
                self._held += size
                return

    def whole(self) -> Request:
        """Returns the request with its body, as of now."""
        return self._request.whole(bytes(self._body))

    def give_back(self) -> None:
        """Gives back what is held, and lets the bytes go."""
        held, self._held = self._held, 0
        self._body = bytearray()
        if held:
            self._host.room.give_back(held)


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
