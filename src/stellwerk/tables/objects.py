"""JSON as exporters write it: arrays of objects, objects over several lines, marks at the beginning. Made an object a line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from stellwerk.errors import DataError
from stellwerk.tables.encodings import encoding_of, without_mark

CHUNK = 1 << 20
USUAL = 1 << 16
_decoder = json.JSONDecoder()


def is_plain(start: bytes) -> bool:
    """Tells by its first bytes whether a file is UTF-8 without a mark, with an object a line."""
    if encoding_of(start, "utf-8") != "utf-8" or without_mark(start) != start:
        return False
    text = start.decode("utf-8", "replace").lstrip()
    if text.startswith("["):
        return text[1:].lstrip()[:1] not in ("{", "]")
    try:
        _, end = _decoder.raw_decode(text)
    except ValueError:  # broken, or longer than what is looked at: its own line says which
        return text.split("\n", 1)[0].strip() != "{"
    return "\n" not in text[:end] and not text[end:].lstrip(" \t\r,").startswith("{")


def to_lines(stream: Any, target: IO[bytes], label: str, limit: int | None = None) -> bool:
    """Writes every object of a file on a line of its own; stops soon after `limit` bytes.

    An object comes on the line on which it began, where each begins on another; returns whether that is so. Raises DataError
    where the file is no JSON, with the line.
    """
    start = stream.read(4)
    encoding = encoding_of(start + b" " * 4, "utf-8")
    start = without_mark(start)
    text = io.TextIOWrapper(io.BufferedReader(_Behind(start, stream)), encoding, "replace")
    written, lines, exact, at = 0, 1, True, 0
    for line, content in _values(text, label, whole=limit is None):
        exact = exact and line >= lines
        gap = max(0, line - lines)
        at += target.write(b"\n" * gap + content.encode("utf-8", "surrogatepass") + b"\n")
        lines, written = lines + gap + 1, written + 1
        if limit is not None and at >= limit:
            break
    return exact


def _values(text: io.TextIOWrapper, label: str, *, whole: bool) -> Iterator[tuple[int, str]]:
    """Yields the values of an array, or of a file with one behind the other: the line of each, and its text on one line."""
    buffer, line, at, ended = "", 1, 0, False
    array: bool | None = None
    while True:
        begin = _skip(buffer, at, " \t\r\n,\ufeff" + ("[" if array is None else "]" if array else ""))
        if array is None and begin < len(buffer):
            array = "[" in buffer[at:begin]
        line += buffer.count("\n", at, begin)
        at = begin
        if at < len(buffer):
            try:
                _, end = _decoder.raw_decode(buffer, at)
            except ValueError as error:
                if ended:
                    if whole:
                        raise DataError(f"{label}:{line}: is not JSON: {_reason(error)}. Correct the file.") from None
                    return
            else:
                if ended or end < len(buffer):
                    yield line, buffer[at:end].replace("\r", " ").replace("\n", " ")
                    line += buffer.count("\n", at, end)
                    at = end
                    continue
        elif ended:
            return
        more = text.read(max(CHUNK, len(buffer) - at))
        ended = not more
        buffer, at = buffer[at:] + more, 0


def _skip(text: str, at: int, letters: str) -> int:
    while at < len(text) and text[at] in letters:
        at += 1
    return at


def _reason(error: ValueError) -> str:
    return str(error).partition(": line")[0]


class _Behind(io.RawIOBase):
    """Bytes, and behind them those of a stream."""

    def __init__(self, start: bytes, stream: Any) -> None:
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._start[: len(view)] or self._stream.read(len(view))
        self._start = self._start[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


def repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the object that `pairs` make, for `json.loads`. Raises KeyError with a key that stands in it twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise KeyError(key)
            seen.add(key)
    return found
