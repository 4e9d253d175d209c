"""Counts the rows of CSV files without parsing them: the other half of the book-keeping."""

from __future__ import annotations

import csv
import io
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stellwerk.components.ingestion.files import File

CHUNK = 1 << 20
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class LineCount:
    """Counts the rows of a file while its bytes pass, in whatever pieces: nothing is counted twice.

    A line break inside of quotes ends no row. Quotes are only counted: where some are letters, so is the count wrong.
    """

    def __init__(self, quote: str = '"') -> None:
        self.at = 0
        """How many bytes are counted; all before it are."""
        self.odd = False
        """Whether a line may not be a row: then nothing is counted any more."""
        self.quoted = False
        """Whether there are quotes."""
        self.multiline = False
        """Whether there is a line break inside of quotes, or a quote that is a letter makes it look so."""
        self._quote = quote.encode()
        self._inside = 0
        self._rows, self._last = 0, b""
        self._lock = threading.Lock()

    def hear(self, start: int, piece: bytes) -> None:
        """Takes in bytes that begin at `start`; those that follow on none that are counted are left out."""
        with self._lock:
            while not self.odd and start <= self.at < start + len(piece):
                self._add(piece[self.at - start : self.at - start + CHUNK])

    def _add(self, chunk: bytes) -> None:
        joined = self._last + chunk
        if self._quote and (self._inside or self._quote in chunk):
            blank = self._add_quoted(chunk)
        else:
            blank = b"\n\n" in joined
            self._rows += chunk.count(b"\n")
        packed = not self._last and chunk.startswith((*PACKED, b"\n", b"\r"))
        self.odd = packed or blank or (_has_odd_returns(joined) and not self.multiline)
        self._last = chunk[-1:]
        self.at += len(chunk)

    def _add_quoted(self, chunk: bytes) -> bool:
        """Counts the rows of a chunk with quotes; returns whether there may be a blank line."""
        self.quoted = True
        letters = np.frombuffer(chunk, np.uint8)
        inside = np.bitwise_xor.accumulate((letters == self._quote[0]).view(np.uint8)) ^ self._inside
        breaks = letters == ord("\n")
        ends = breaks & (inside == 0)
        self.multiline = self.multiline or bool((breaks & (inside == 1)).any())
        self._rows += int(np.count_nonzero(ends))
        before = self._last == b"\n" and not self._inside
        self._inside = int(inside[-1])
        returned = self.multiline and b"\n\r\n" in chunk
        return bool((ends[1:] & ends[:-1]).any() or (before and ends[0]) or returned)

    @property
    def rows(self) -> int | None:
        """The number of lines so far, those above the first row too; None where a line may not be a row."""
        ended = self._last in (b"\n", b"")
        return None if self.odd or (self._inside and self.quoted) else self._rows + (not ended)


@dataclass
class Counted:
    """A file, the lines of it above its first row, and its count."""

    file: File
    above: int
    count: LineCount = field(default_factory=LineCount)


def expected_rows(files: Iterable[Counted]) -> int | None:
    """Returns the number of lines below the headers; what a count has not heard yet is read.

    None where lines and rows may differ: quotes that do not close, blank lines, lone carriage returns.
    """
    total: int | None = 0
    for one in files:
        _read_on(one.file, one.count)
        lines = one.count.rows
        total = None if total is None or lines is None else total + lines - one.above
    return total


def rows_of(one: Counted, delimiter: str, quote: str) -> tuple[int, int | None]:
    """Returns the rows of a file as Python's own reader sees them, and the line of a quote that does not close.

    It takes a quote within a value for a letter, as the engine does; it is slow, and for files that leave a doubt.
    """
    heard: list[str] = []
    rows, begin, unclosed = 0, 1, None
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with one.file.unpacked() as stream, io.TextIOWrapper(stream, "utf-8", "replace", newline="") as text:
            reader = csv.reader((heard.append(line) or line for line in text), delimiter=delimiter, quotechar=quote)  # type: ignore[func-returns-value]
            for record in reader:
                rows += bool(record) and begin > one.above
                unclosed = begin if len(heard) > 1 and "".join(heard).count(quote) % 2 else None
                begin = reader.line_num + 1
                heard.clear()
    finally:
        csv.field_size_limit(limit)
    return rows, unclosed


def _read_on(file: File, count: LineCount) -> None:
    """Counts what did not pass yet. Packed files are unpacked once more, but for those that lie far away."""
    if file.packed:
        if isinstance(file.readable, Path):
            with file.unpacked() as stream:
                while not count.odd and (chunk := stream.read(CHUNK)):
                    count.hear(count.at, chunk)
        return
    if count.at < file.size and not count.odd:
        with file.readable.open("rb") as stream:
            stream.seek(count.at)
            while not count.odd and (chunk := stream.read(CHUNK)):
                count.hear(count.at, chunk)


def _has_odd_returns(piece: bytes) -> bool:
    """Tells whether there is a carriage return that ends no line, or a blank line of returns."""
    returns = piece.count(b"\r")
    return returns > 0 and (returns - piece.endswith(b"\r") != piece.count(b"\r\n") or b"\n\r" in piece)
