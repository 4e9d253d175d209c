"""Counts the rows of CSV files without parsing them: the other half of the book-keeping."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from stellwerk.components.ingestion.files import File

CHUNK = 1 << 20
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class LineCount:
    """Counts the lines of a file while its bytes pass, in whatever pieces: nothing is counted twice."""

    def __init__(self) -> None:
        self.at = 0
        """How many bytes are counted; all before it are."""
        self.odd = False
        """Whether a line may not be a row: then nothing is counted any more."""
        self._lines, self._last = 0, b""
        self._lock = threading.Lock()

    def hear(self, start: int, piece: bytes) -> None:
        """Takes in bytes that begin at `start`; those that follow on none that are counted are left out."""
        with self._lock:
            while not self.odd and start <= self.at < start + len(piece):
                self._add(piece[self.at - start : self.at - start + CHUNK])

    def _add(self, chunk: bytes) -> None:
        joined = self._last + chunk
        self.odd = (
            (not self._last and chunk.startswith((*PACKED, b"\n", b"\r")))
            or b'"' in chunk
            or _has_odd_returns(joined)
            or b"\n\n" in joined
        )
        self._lines += joined.count(b"\n") - (self._last == b"\n")
        self._last = chunk[-1:]
        self.at += len(chunk)

    @property
    def lines(self) -> int | None:
        """The number of lines so far, or None where a line may not be a row."""
        return None if self.odd else self._lines + (self._last not in (b"\n", b""))


def expected_rows(files: Iterable[tuple[File, LineCount]], encoding: str) -> int | None:
    """Returns the number of lines below the headers; what a count has not heard yet is read.

    None where lines and rows may differ: quotes, blank lines, lone carriage returns, packed files, two-byte characters.
    """
    if encoding == "utf-16":
        return None
    total = 0
    for file, count in files:
        if count.at < file.size and not count.odd:
            _read_on(file, count)
        if count.lines is None:
            return None
        total += count.lines - 1
    return total


def _read_on(file: File, count: LineCount) -> None:
    with file.readable.open("rb") as stream:
        stream.seek(count.at)
        while not count.odd and (chunk := stream.read(CHUNK)):
            count.hear(count.at, chunk)


def _has_odd_returns(piece: bytes) -> bool:
    """Tells whether there is a carriage return that ends no line, or a blank line of returns."""
    returns = piece.count(b"\r")
    return returns > 0 and (returns - piece.endswith(b"\r") != piece.count(b"\r\n") or b"\n\r" in piece)
