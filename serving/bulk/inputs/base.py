"""What a reader gives: blocks of rows, each with the place in the file where the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from stellwerk.tables.dialect import Told

BLOCK_BYTES = 4_000_000
"""Text is read in pieces of about this size: some ten thousand rows."""

Lines = Callable[[], "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class Cells:
    """What is known of a workbook."""

    sheet: str | None = None
    """The name of the sheet; None is the first."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean missing."""


@dataclass(frozen=True)
class How:
    """What is known of an input besides its ending."""

    told: Told = field(default_factory=Told)
    """How CSV is written."""
    floats: Collection[str] = ()
    """Columns of numbers that may have a fraction."""
    cells: Cells = field(default_factory=Cells)
    takes: Collection[str] = ()
    """Columns that the model takes."""


@dataclass(frozen=True)
class Position:
    """A place between two rows: bytes before it (unpacked), the number of the line it begins, and rows before it."""

    offset: int = 0
    line: int = 1
    row: int = 0
    file: int = 0
    """Which of several files it is in, from 0."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used, as a line of the quarantine file."""

    line: int
    reason: str
    row: Any


@dataclass(frozen=True)
class Block:
    """Rows as the file has them, in order."""

    rows: pa.RecordBatch
    after: Position
    """Where the next block begins."""
    lines: Lines
    """Returns the line (Parquet: the number of the row, from 1) of each row."""
    bad: list[BadRow] = field(default_factory=list)
    """Rows that do not parse; they are not among `rows`."""
    heads: pa.Array | None = None
    """JSONL only: the text of each row without its closing brace, ready for more keys."""
    member: str = ""
    """Which of several files the rows are from."""


class Reader(Protocol):
    """One open input file. Not shared between threads."""

    schema: pa.Schema
    """Its columns and their types."""
    size: int
    """What `Position.offset` reaches at the end (Parquet: `Position.row`); 0 where only reading tells."""
    text: bool
    """Whether every value is text, as in CSV."""
    objects: bool
    """Whether rows are objects of JSON, which are written as they are read."""

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on; only the columns `wanted`, all where it is None."""

    def close(self) -> None:
        """Removes what reading needed."""
