"""The first line of a CSV file: the names of its columns."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pyarrow as pa

from stellwerk.components.ingestion.files import File
from stellwerk.errors import DataError

USUAL, LONGEST = 1 << 16, 1 << 22
BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")


def header(file: File, delimiter: str, encoding: str) -> list[str]:
    """Returns the column names of a CSV file, packed or not.

    Raises DataError when they are in another encoding, when two are equal but for the case of their letters (SQL does not
    tell those apart), or when there are none.
    """
    label = file.label
    names = next(csv.reader(io.StringIO(_first_lines(file, encoding)), delimiter=delimiter), [])
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


def _first_lines(file: File, encoding: str) -> str:
    label = file.label
    try:
        with file.unpacked() as stream:
            start: bytes = stream.read(USUAL)
            if start and not _line(start, encoding):
                start += stream.read(LONGEST)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{label}: does not unpack: {error}. The file is damaged; fetch it again.") from None
    if not start:
        raise DataError(f"{label} is empty: 0 bytes. Give a file with data, or leave it out.")
    if encoding == "utf-8" and start.startswith(BYTE_ORDERS):
        raise DataError(f"{label}: is utf-16, not utf-8. Say `encoding: utf-16` for this source.")
    try:
        return (_line(start, encoding) or start).decode(_codec(start, encoding))
    except UnicodeError:
        other = "latin-1" if encoding == "utf-8" else "utf-8"
        raise DataError(
            f"{label}:1: the header is not {encoding}. Say in the source what it is, e.g. `encoding: {other}`."
        ) from None


def _codec(start: bytes, encoding: str) -> str:
    if encoding == "utf-16" and not start.startswith(BYTE_ORDERS):
        return "utf-16-le"
    return {"utf-8": "utf-8-sig"}.get(encoding, encoding)


def _line(start: bytes, encoding: str) -> bytes:
    """Returns the first line with its end, counting in quoted line breaks; nothing when it is not whole."""
    wide = encoding == "utf-16"
    newline = "\n".encode("utf-16-be" if start.startswith(BYTE_ORDERS[1]) else "utf-16-le") if wide else b"\n"
    end = -1
    while (end := start.find(newline, end + 1)) >= 0:
        end += len(newline)
        if start.count(b'"', 0, end) % 2 == 0 and not (wide and end % 2):
            return start[:end]
        end -= 1
    return b""
