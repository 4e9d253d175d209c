"""The beginning of a CSV file: how it is written, and the names of its columns."""

from __future__ import annotations

import os
from collections import Counter

import pyarrow as pa

from stellwerk.components.ingestion.files import File
from stellwerk.errors import DataError
from stellwerk.spec.data import Source
from stellwerk.tables.dialect import LONGEST, USUAL, Dialect, Told, has_header, recognise


def header(file: File, source: Source) -> Dialect:
    """Returns how a CSV file is written, packed or not.

    Raises DataError when the names are in another encoding, when two are equal, or when there are none.
    """
    told = Told(source.delimiter, file.delimiter, source.quote, source.encoding)
    dialect = recognise(*_start(file, told), file.label, told)
    repeated = [name for name, count in Counter(dialect.names).items() if count > 1]
    if repeated:
        twice = ", ".join(f"'{name}'" for name in dialect.names if name in repeated)
        raise DataError(
            f"{file.label}:{dialect.skip + 1}: duplicate column names: {twice}. Each column needs a name of its own."
        )
    return dialect


def _start(file: File, told: Told) -> tuple[bytes, bool]:
    """Returns the first bytes of a file, unpacked, and whether they are all."""
    try:
        with file.unpacked() as stream:
            start: bytes = stream.read(USUAL)
            wanted = USUAL
            if start and not has_header(start, told):
                start += stream.read(LONGEST)
                wanted += LONGEST
    except (OSError, pa.ArrowInvalid) as error:
        if code := getattr(error, "errno", None):
            why = f"cannot be read: {os.strerror(code)}. Look at its permissions, and whether it is still there."
            raise DataError(f"{file.label}: {why}") from None
        raise DataError(f"{file.label}: does not unpack: {error}. The file is damaged; fetch it again.") from None
    if not start:
        raise DataError(f"{file.label} is empty: 0 bytes. Give a file with data, or leave it out.")
    return start, len(start) < wanted
