"""What a reader is asked, and what it gives: a SELECT that the engine runs, and the rows that did not parse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.media.contents import Contents
from stellwerk.spec.data import Source
from stellwerk.spec.features.patterns import Names

MISREAD = "stellwerk: misread"


class MisreadError(Exception):
    """The quick guess about a source was wrong: it has to be read again, carefully."""


@dataclass(frozen=True)
class Reject:
    """A row that does not parse or does not fit, as a line of `quarantine/rows.jsonl`."""

    source: str
    file: str | None
    line: int | None
    reason: str
    row: Any


@dataclass(frozen=True)
class Request:
    """One source to be opened."""

    connection: duckdb.DuckDBPyConnection
    name: str
    source: Source
    files: tuple[File, ...]
    scratch: Path
    numbers: Names = field(default_factory=Names)
    """Columns that are read as numbers although they look like text, so that a bad value is a rejected row."""
    careful: bool = False
    """Looks at every value before it decides on types, and reads on one thread; for the second attempt."""
    mixed_ends: bool = False
    """Whether some lines end with a carriage return and others do not, which the engine (DuckDB 2.0) refuses: it is given a copy without any."""

    glance: int = 0
    """Where it is not 0, only the first rows are wanted, so many bytes of text; of these all that is found is true."""
    cut: bool = False
    """Whether the files are the beginnings of others, so that the last row may not be whole."""
    listed: bool = False
    """Whether files that are rows and that a glance leaves out are rows too, of which nothing but the name is known."""
    contents: Contents | None = None
    """Takes the bytes of files that are rows; without it, they are only looked at."""

    def label(self, readable: str) -> str:
        """Returns what messages call the file at path `readable`."""
        labels = {file.address: file.label for file in self.files}
        return labels.get(readable, readable)


@dataclass(frozen=True)
class Lines:
    """On which line of a file its good rows are, given the lines of the bad ones."""

    first: int
    good_before: np.ndarray[Any, Any]

    @classmethod
    def around(cls, rejected: Iterable[int], first: int) -> Lines:
        """Every line from `first` on is one row; those in `rejected` (ascending) are the bad ones."""
        lines = np.fromiter(rejected, np.int64)
        return cls(first, lines - first - np.arange(len(lines)))

    def of(self, row: int) -> int:
        """Returns the line of good row number `row`, from 0."""
        return self.first + row + int(np.searchsorted(self.good_before, row, side="right"))


def _no_rejects() -> Iterator[Reject]:
    return iter(())


def _no_check(_rows: int) -> None:
    return


def _no_lines() -> None:
    return None


@dataclass(frozen=True)
class Table:
    """A source as the engine sees it."""

    sql: str
    """A SELECT over the rows that parse."""
    rows: int | None = None
    """Rows that the format itself says it has; None where only reading tells."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Own names of the columns that SQL calls otherwise, see `spelling`. Everything here that has to do with SQL is by SQL's names."""
    empty: tuple[str, ...] = ()
    """Columns without any value, which have no type."""
    texts: Callable[[], dict[str, list[str]]] = dict
    """Once `sql` was read: some values of each column that are none of its type."""
    notes: tuple[str, ...] = ()
    """How files are read, where the spec does not say it and others would be read otherwise."""
    words: Callable[[], dict[str, set[str]]] = dict
    """Looks for texts of each column that mean missing, but for the empty one."""
    files: tuple[str, ...] = field(default=())
    """What SQL calls the files, in a format good enough to be queried where they lie; without any, a query reads a copy in Parquet."""
    rejects: Callable[[], Iterator[Reject]] = _no_rejects
    """Gives the rows that did not parse, once `sql` was read."""
    check: Callable[[int], None] = _no_check
    """Takes the number of rows that `sql` gave; raises MisreadError when they cannot be all, DataError when the file is broken."""
    whole: bool = True
    """Whether `sql` gives all rows; after a glance it may be the first ones."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest says of the files that are rows."""
    lines: Callable[[], Lines | None] = _no_lines
    """Once `sql` was read: on which line of its only file each row is; None where that is not known."""
