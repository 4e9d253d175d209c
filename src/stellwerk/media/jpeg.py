"""JPEG files without all that is not pixels: places, names and thumbnails of cameras, a second picture behind the first."""

from __future__ import annotations

import re

from stellwerk.media.limits import Unreadable

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_ADOBE = 0xEE
"""Says whether three components are RGB or YCbCr."""


def stripped(content: bytes) -> bytes:
    """Returns the same pixels, bit by bit. Raises Unreadable where the segments of the file do not follow each other."""
    kept, at = [content[:2]], 2
    while True:
        while content[at : at + 2] == b"\xff\xff":  # fill
            at += 1
        if at + 2 > len(content) or content[at] != 0xFF:
            raise Unreadable("JPEG: truncated or damaged")
        marker = content[at + 1]
        if marker == _END:
            return b"".join([*kept, content[at : at + 2]])
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(content):
            raise Unreadable("JPEG: truncated or damaged")
        if marker == _SCAN:
            found = _MARKER.search(content, end)
            if found is None:
                raise Unreadable("JPEG: truncated or damaged")
            end = found.start()
        if _is_of_pixels(marker, content[at + 4 : at + 9]):
            kept.append(content[at:end])
        at = end


def _is_of_pixels(marker: int, beginning: bytes) -> bool:
    if marker in _APPLICATION:
        return marker == _ADOBE or beginning == b"JFIF\0"
    return marker != _COMMENT
