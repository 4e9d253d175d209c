"""How large a picture may be before anything of it is decoded, and how many are decoded at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST_BYTES = 256 << 20
"""Bytes of one file."""
MOST_PIXELS = 80_000_000
"""Pixels of one picture, as its header says: 8,900 x 8,900. It takes about a gigabyte to decode and measure."""


class Unreadable(Exception):
    """A picture cannot be used: why, in words that are the same for all pictures with that flaw."""


def check_pixels(width: int, height: int) -> None:
    """Raises Unreadable for a picture that is too large to be decoded, or has no pixels."""
    if width * height > MOST_PIXELS:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels")
    if width < 1 or height < 1:
        raise Unreadable("no pixels")


class Room:
    """Lets threads decode side by side as long as their pictures have no more than `MOST_PIXELS` together."""

    def __init__(self) -> None:
        self._free = MOST_PIXELS
        self._changed = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Waits until there is room for so many pixels, and keeps it while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()
