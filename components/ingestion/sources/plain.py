"""Files that the engine does not read as they are, as plain copies in scratch; and the beginnings of large ones, for a look."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.sources.base import Request
from stellwerk.components.ingestion.sources.headers import header
from stellwerk.tables.dialect import Dialect
from stellwerk.tables.encodings import transcode
from stellwerk.tables.numerals import others
from stellwerk.tables.rows import cut_to_rows

LOOKED_THROUGH = 4 << 20


@dataclass(frozen=True)
class Plain:
    """A file that the engine reads, and how it is written."""

    file: File
    dialect: Dialect
    cut: bool = False
    """Whether its last rows are left out."""

    @property
    def above(self) -> int:
        """Lines above the first row."""
        return self.dialect.skip + self.dialect.header


def plain_files(request: Request) -> list[Plain]:
    """Returns the CSV files of a source as they can be read; for a glance only the first few, and of a large one the beginning.

    The dialects of all of them are looked at. Raises DataError for one that cannot be told, or that does not unpack.
    """
    found: list[Plain] = []
    seen = 0
    for number, file in enumerate(request.files):
        dialect = header(file, request.source)
        if request.glance and seen >= request.glance:
            found.append(Plain(file, dialect, cut=True))
            continue
        target = request.scratch / f"{request.name}-plain" / f"{number:05}.csv"
        plain = _plain(file, dialect, target, request)
        seen += plain.file.size
        found.append(plain)
    return found


def _plain(file: File, dialect: Dialect, target: Path, request: Request) -> Plain:
    large = request.glance > 0 and (file.packed or request.cut or file.size > request.glance)
    thousands = request.source.thousands or ""
    if dialect.plain and not (large or others(thousands) or request.mixed_ends):
        return Plain(file, dialect)
    limit = request.glance or None
    copied = copy_of(
        file,
        target,
        lambda stream, to: transcode(
            stream,
            to,
            dialect.encoding,
            returns=dialect.lone_returns or request.mixed_ends,
            thousands=thousands,
            limit=limit,
        ),
        anew=request.mixed_ends,
    )
    cut = limit is not None and (request.cut or copied.size >= limit)
    if cut:
        cut_to_rows(target, dialect.quote)
    return Plain(copied, dialect, cut)


def copy_of(file: File, target: Path, write: Callable[[Any, IO[bytes]], None], *, anew: bool = False) -> File:
    """Makes another file of a file's unpacked bytes, and returns it under the same name; one that is there already serves again, unless `anew`."""
    if anew or not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_suffix(".part")
        with file.unpacked() as stream, aside.open("wb") as to:
            write(stream, to)
        aside.replace(target)
    return replace(file, readable=target)


def missing_words(plain: Plain, null_values: Collection[str]) -> dict[str, set[str]]:
    """Returns the texts of each column that mean missing, among the first rows of a file."""
    with plain.file.unpacked() as stream:
        text = stream.read(LOOKED_THROUGH).decode("utf-8", "replace")
    quoting: dict[str, Any] = {"quotechar": plain.dialect.quote} if plain.dialect.quote else {"quoting": csv.QUOTE_NONE}
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=plain.dialect.delimiter, **quoting)
    found: dict[str, set[str]] = {}
    words = set(null_values) - {""}
    try:
        for row in islice(rows, plain.above, None):
            for word in words.intersection(row):
                for name, value in zip(plain.dialect.names, row, strict=False):
                    if value == word:
                        found.setdefault(name, set()).add(word)
    except csv.Error:  # what is beyond all measure ends a look
        pass
    return found
