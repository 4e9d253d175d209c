"""Cuts text files into pieces that end with a row, so that each can be parsed alone and reading can go on at any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import Position

BOM = b"\xef\xbb\xbf"
LONGEST_ROW = 32_000_000
"""A row with more bytes than this is taken for a quote that does not close."""

_PACKED = (".gz", ".zst", ".bz2", ".lz4")


@dataclass(frozen=True)
class Piece:
    """Whole rows: their bytes, the line of the first, and where the next piece begins."""

    content: bytes
    line: int
    after: Position


def pieces(path: Path, start: Position, size: int, quotes: bool) -> Iterator[Piece]:
    """Yields the text from `start` on in pieces of about `size` bytes; with `quotes` a line break may stand inside them.

    Raises DataError when the file does not unpack or a quote does not close.
    """
    rest, offset, line = b"", start.offset, start.line
    for chunk in _chunks(path, start.offset, size):
        text = rest + chunk
        end = _row_end(text, quotes)
        if end == 0 and len(text) > LONGEST_ROW:
            raise _unclosed(path, line, text)
        if end:
            piece = text[:end]
            offset, after = offset + end, line + piece.count(b"\n")
            yield Piece(piece, line, Position(offset, after))
            line = after
        rest = text[end:]
    if rest:
        if quotes and rest.count(b'"') % 2:
            raise _unclosed(path, line, rest)
        yield Piece(rest, line, Position(offset + len(rest), line + rest.count(b"\n") + 1))


def _chunks(path: Path, offset: int, size: int) -> Iterator[bytes]:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            if path.suffix.lower() in _PACKED:
                while offset > 0 and (skipped := len(stream.read(min(offset, size)))):
                    offset -= skipped
            else:
                stream.seek(offset)
            while chunk := stream.read(size):
                yield chunk
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: does not read or unpack: {error}. The file is damaged; fetch it again.") from None


def _row_end(text: bytes, quotes: bool) -> int:
    """Returns where the last whole row ends: behind the last line break that is not inside quotes; 0 without one."""
    end = text.rfind(b"\n")
    if not quotes or end < 0:
        return end + 1
    inside = text.count(b'"', 0, end) % 2
    while inside:
        before = text.rfind(b"\n", 0, end)
        if before < 0:
            return 0
        inside ^= text.count(b'"', before, end) % 2
        end = before
    return end + 1


def _unclosed(path: Path, line: int, text: bytes) -> DataError:
    odd = next((number for number, row in enumerate(text.split(b"\n")) if row.count(b'"') % 2), 0)
    return DataError(
        f"{path}:{line + odd}: a quote opens here and does not close, so the lines after it cannot be told apart. "
        "Close it, or double it if it is part of the text."
    )


def undecodable(content: bytes) -> set[int]:
    """Returns which lines (from 0) are not UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return {number for number, row in enumerate(content.split(b"\n")) if not _decodes(row)}
    return set()


def _decodes(row: bytes) -> bool:
    try:
        row.decode()
    except UnicodeDecodeError:
        return False
    return True
