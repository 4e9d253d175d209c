"""Cuts text files into pieces that end with a row, so that each can be parsed alone and reading can go on at any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import Position
from stellwerk.serving.bulk.inputs.copying import PACKED

BOM = b"\xef\xbb\xbf"
LONGEST_ROW = 32_000_000
"""A row with more bytes than this is taken for a quote that does not close."""


@dataclass(frozen=True)
class Piece:
    """Whole rows: their bytes, the line of the first, and where the next piece begins."""

    content: bytes
    line: int
    after: Position


def pieces(path: Path, start: Position, size: int, quote: bytes, named: Path | None = None) -> Iterator[Piece]:
    """Yields the text from `start` on in pieces of about `size` bytes; between two `quote`, if there is one, a line may break.

    Raises DataError when the file, called `named`, does not unpack or a quote does not close.
    """
    rest, offset, line = b"", start.offset, start.line
    for chunk in _chunks(path, start.offset, size):
        text = rest + chunk
        end = _row_end(text, quote)
        if end == 0 and len(text) > LONGEST_ROW:
            raise _unclosed(named or path, line, text, quote)
        if end:
            piece = text[:end]
            offset, after = offset + end, line + piece.count(b"\n")
            yield Piece(piece, line, Position(offset, after))
            line = after
        rest = text[end:]
    if rest:
        if quote and rest.count(quote) % 2:
            raise _unclosed(named or path, line, rest, quote)
        yield Piece(rest, line, Position(offset + len(rest), line + rest.count(b"\n") + 1))


def _chunks(path: Path, offset: int, size: int) -> Iterator[bytes]:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            if path.suffix.lower() in PACKED:
                while offset > 0 and (skipped := len(stream.read(min(offset, size)))):
                    offset -= skipped
            else:
                stream.seek(offset)
            while chunk := stream.read(size):
                yield chunk
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: does not read or unpack: {error}. The file is damaged; fetch it again.") from None


def _row_end(text: bytes, quote: bytes) -> int:
    """Returns where the last whole row ends: behind the last line break that is not inside quotes; 0 without one."""
    end = text.rfind(b"\n")
    if not quote or end < 0:
        return end + 1
    inside = text.count(quote, 0, end) % 2
    while inside:
        before = text.rfind(b"\n", 0, end)
        if before < 0:
            return 0
        inside ^= text.count(quote, before, end) % 2
        end = before
    return end + 1


def _unclosed(path: Path, line: int, text: bytes, quote: bytes) -> DataError:
    odd = next((number for number, row in enumerate(text.split(b"\n")) if quote and row.count(quote) % 2), 0)
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
