"""PNG files: without all that is not pixels, and of 16 bits a channel, which Pillow does not write in colour."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from stellwerk.media.limits import Unreadable

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""The colour type of so many channels."""
_LEVEL = 6
_UP = 2
"""The filter that keeps of each row what differs from the one above."""


def stripped(content: bytes) -> bytes:
    """Returns the same pixels, bit by bit. Raises Unreadable where the chunks of the file do not follow each other."""
    kept, at = [SIGNATURE], len(SIGNATURE)
    while True:
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        end = at + 12 + length
        if len(kind) < 4 or end > len(content):
            raise Unreadable("PNG: truncated or damaged")
        if kind in _KEPT:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def written(pixels: np.ndarray[Any, Any]) -> bytes:
    """Returns a PNG of uint16 pixels, [height, width, channels] with 1 to 4 channels; the same bytes for the same pixels."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2", order="C").view(np.uint8).reshape(height, -1)
    filtered = np.full((height, rows.shape[1] + 1), _UP, np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 16, _COLOURS[channels], 0, 0, 0)
    data = zlib.compress(filtered.tobytes(), _LEVEL)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
