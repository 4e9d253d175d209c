"""The first line of a CSV file: the names of its columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pyarrow as pa

from stellwerk.errors import DataError

LONGEST = 1 << 20
ENCODINGS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "latin-1"}


def header(path: Path, label: str, delimiter: str, encoding: str) -> list[str]:
    """Returns the column names of a CSV file, packed or not.

    Raises DataError when they are in another encoding, when two are equal but for the case of their letters (SQL does not
    tell those apart), or when there are none.
    """
    names = next(csv.reader(io.StringIO(_first_lines(path, label, encoding)), delimiter=delimiter), [])
    names = [name.strip() or f"column{position}" for position, name in enumerate(names)]
    if not names:
        raise DataError(f"{label}: the first line is empty. The first line must name the columns.")
    repeated = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if repeated:
        twice = ", ".join(f"'{name}'" for name in names if name.lower() in repeated)
        raise DataError(
            f"{label}:1: duplicate column names: {twice}. "
            "Each column needs a name of its own (upper and lower case count as the same)."
        )
    return names


def _first_lines(path: Path, label: str, encoding: str) -> str:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            start = stream.read(LONGEST)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{label}: does not unpack: {error}. The file is damaged; fetch it again.") from None
    if not start:
        raise DataError(f"{label} is empty: 0 bytes. Give a file with data, or leave it out.")
    if encoding == "utf-8" and start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{label}: is utf-16, not utf-8. Say `encoding: utf-16` for this source.")
    try:
        return _complete(start, encoding)
    except UnicodeError:
        other = "latin-1" if encoding == "utf-8" else "utf-8"
        raise DataError(
            f"{label}:1: the header is not {encoding}. Say in the source what it is, e.g. `encoding: {other}`."
        ) from None


def _complete(start: bytes, encoding: str) -> str:
    """Decodes the lines that are whole; a character that the end of `start` cuts is no error."""
    if encoding == "utf-16":
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return start[: len(start) // 2 * 2].decode("utf-16", errors="strict")
        return start[: len(start) // 2 * 2].decode("utf-16-le")
    line = start[: start.find(b"\n") + 1] or start
    while line.count(b'"') % 2 and (end := start.find(b"\n", len(line))) >= 0:
        line = start[: end + 1]
    return line.decode(ENCODINGS[encoding])
