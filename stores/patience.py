"""Asks a store again where what failed may pass, and goes on reading where a connection broke."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from stellwerk.stores.base import Interrupted, Object, StoreError

ATTEMPTS = 5
"""How often the same is asked before it is given up."""
FIRST_PAUSE = 0.5
"""Seconds before the second attempt, half to the whole of them by chance; then twice as long, and so on."""

Result = TypeVar("Result")


def patiently(ask: Callable[[], Result]) -> Result:
    """Returns what `ask` returns. Raises what it raises, Interrupted only after several attempts."""
    for attempt in range(1, ATTEMPTS):
        try:
            return ask()
        except Interrupted:
            _pause(attempt)
    return ask()


def pieces(item: Object, start: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
    """Yields the bytes of an object, or those from `start` to `end`, in pieces of at most 8 MiB.

    A stream that breaks off or ends too early is opened again where it stopped. Raises Interrupted when several attempts
    in a row brought nothing, StoreError where the store says no.
    """
    at, attempt = start, 0
    end = item.size if end is None else end if item.size is None else min(end, item.size)
    while True:
        attempt += 1
        try:
            for piece in item.store.stream(item, at, end if start or at or end != item.size else None):
                at, attempt = at + len(piece), 0
                yield piece
            if end is None or at >= end:
                return
            failed = Interrupted(f"ends after {at:,} of {end:,} bytes. It is damaged, or the connection breaks off")
        except Interrupted as error:
            if end is not None and at >= end:
                raise StoreError(str(error)) from error
            failed = error
        if attempt >= ATTEMPTS:
            raise failed
        _pause(max(attempt, 1))


def _pause(attempt: int) -> None:
    time.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311 - spreads requests


class Remote(io.RawIOBase):
    """An object as a file: each read asks for just those bytes, so wrap it in a buffer."""

    def __init__(self, item: Object) -> None:
        self._item, self._at = item, 0
        self._size = item.size or 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a place in the object."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Returns the place in the object."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Asks for as many bytes as the buffer takes."""
        view = memoryview(buffer).cast("B")
        filled = 0
        for piece in (
            pieces(self._item, self._at, min(self._at + len(view), self._size)) if self._at < self._size else ()
        ):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        self._at += filled
        return filled


class Streamed(io.RawIOBase):
    """The bytes of an object one after the other, as a file, in one request."""

    def __init__(self, item: Object) -> None:
        self._pieces = pieces(item)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Gives what has arrived, up to the size of the buffer."""
        view = memoryview(buffer).cast("B")
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        taken = min(len(view), len(self._rest))
        view[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def close(self) -> None:
        """Ends the request."""
        self._pieces.close()
        super().close()
