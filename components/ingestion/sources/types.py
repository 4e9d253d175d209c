"""The types of text columns: the narrowest that fits every value, and nothing that loses a character of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import GIVEN
from stellwerk.components.artifacts.examples import BATCH_ROWS
from stellwerk.components.ingestion.arrays import where
from stellwerk.components.ingestion.engine import batches, first_row, name, text
from stellwerk.components.ingestion.sources.base import MISREAD

TOLD = {**GIVEN, "integer": "INTEGER_TOLD"}
"""Type for each name a spec may give; what it calls whole has to be, and is no guess."""

EMPTY = "EMPTY"
"""A column without any value: it has no type, and SQL takes it for whatever is wanted."""

READ_AS = {
    "EMPTY": "VARCHAR",
    "INTEGER": "DOUBLE",
    "INTEGER_TOLD": "DECIMAL(38, 9)",
    "DATE": "TIMESTAMPTZ",
    "TIMESTAMP": "TIMESTAMPTZ",
}
"""What a column is read as before it is narrowed: a reader of BIGINT would round 1.5, one of DATE would cut the time."""


@dataclass(frozen=True)
class Numerals:
    """How numbers are written."""

    decimal: str = "."
    thousands: str = ""
    """What stands between groups of three digits, if anything."""

    @property
    def usual(self) -> bool:
        """Whether they are written as SQL writes them."""
        return self == Numerals()

    def plain(self, values: pa.Array) -> pa.Array:
        """Returns texts with the numbers among them written as SQL writes them; other texts as they are."""
        if self.usual:
            return values
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        whole = rf"\d{{1,3}}({mark}\d{{3}})+|\d+" if mark else r"\d+"
        number = rf"^\s*[+-]?(?:({whole})({point}\d*)?|{point}\d+)([eE][+-]?\d+)?\s*$"
        written = pc.replace_substring(values, self.thousands, "") if self.thousands else values
        written = pc.replace_substring(written, self.decimal, ".") if self.decimal != "." else written
        return pc.if_else(pc.match_substring_regex(values, number), written, self._no_number(values))

    def _no_number(self, values: pa.Array) -> pa.Array:
        """Marks texts that SQL would take for numbers and that are none here: 1.5 where the decimal mark is a comma."""
        if self.decimal == ".":
            return values
        taken = pc.match_substring_regex(values, r"^\s*[+-]?\d*\.\d*([eE][+-]?\d+)?\s*$")
        return pc.if_else(taken, pc.binary_join_element_wise(values, "?", ""), values)


_DAY = r"\d{4}-\d{2}-\d{2}"
_MOMENT = _DAY + r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_KINDS = (
    (1, r"\s*[+-]?(0|[1-9]\d{0,14})\s*", None),
    (2, r"\s*[+-]?[1-9]\d{15,18}\s*", "BIGINT"),
    (4, r"\s*[+-]?(((0|[1-9]\d*)\.\d*|\.\d+)([eE][+-]?\d+)?|[1-9]\d*[eE][+-]?\d+|(?i:nan|inf|infinity))\s*", None),
    (8, r"(?i:true|false)", None),
    (16, _DAY, "DATE"),
    (32, _MOMENT, "TIMESTAMP"),
    (64, _MOMENT + r"\s?(Z|[+-]\d{2}(:?\d{2})?)", "TIMESTAMPTZ"),
)
"""What a text can be: its bit, how it is written, and what it must be read as without an error."""

_TEXT = 128
_TYPES = (
    (1, "INTEGER"),
    (1 | 2, "BIGINT"),
    (1 | 2 | 4, "DOUBLE"),
    (8, "BOOLEAN"),
    (16, "DATE"),
    (16 | 32, "TIMESTAMP"),
    (16 | 32 | 64, "TIMESTAMPTZ"),
)


def infer(
    connection: duckdb.DuckDBPyConnection,
    texts: str,
    columns: Iterable[str],
    numerals: Numerals = Numerals(),
) -> dict[str, str]:
    """Returns the type of each text column of the SELECT `texts`: INTEGER, BIGINT, DOUBLE, BOOLEAN, DATE, ... or VARCHAR.

    INTEGER stands for whole numbers below 1e15, which a DOUBLE holds exactly, EMPTY for columns without any value.
    Numbers with leading zeros and dates in other forms than ISO stay text. A value that comes often is looked at once.
    """
    seen = dict.fromkeys(columns, 0)
    listed = ", ".join(name(column) for column in seen)
    with closing(connection.cursor()) as beside:  # the connection itself is busy with the rows
        for batch in batches(connection.sql(f"SELECT {listed} FROM ({texts})"), BATCH_ROWS):
            for column, values in zip(seen, batch.columns, strict=True):
                if _type(seen[column]) != "VARCHAR":
                    seen[column] |= _kinds(beside, numerals.plain(pc.drop_null(pc.unique(values))))
    return {column: _type(kinds) for column, kinds in seen.items()}


def _kinds(connection: duckdb.DuckDBPyConnection, values: pa.Array) -> int:
    """Returns the bits of what is among the texts."""
    found = 0
    for bit, pattern, cast in _KINDS:
        if not len(values):
            break
        fits = pc.match_substring_regex(values, rf"^(?:{pattern})\z")
        if not pc.any(fits).as_py():
            continue
        found |= bit
        if cast and not _casts(connection, where(values, fits), cast):
            return found | _TEXT
        values = where(values, pc.invert(fits))
    return found | (_TEXT if len(values) else 0)


def _casts(connection: duckdb.DuckDBPyConnection, values: pa.Array, kind: str) -> bool:
    query = f"SELECT bool_and(TRY_CAST(value AS {kind}) IS NOT NULL) FROM (SELECT unnest(?) AS value)"
    row = first_row(connection, query, [values.to_pylist()])
    return bool(row and row[0])


def _type(seen: int) -> str:
    if not seen:
        return EMPTY
    return next((kind for mask, kind in _TYPES if seen | mask == mask), "VARCHAR")


def narrowed(column: str, kind: str, guarded: bool = True) -> str:
    """Returns the SQL that takes a column from what it was read as to its type.

    It fails where that would change a value, unless `guarded` is False.
    """
    quoted = name(column)
    if kind == EMPTY:
        misread = f"CASE WHEN {quoted} IS NULL THEN NULL ELSE CAST(error({text(MISREAD)}) AS VARCHAR) END AS {quoted}"
        return misread if guarded else quoted
    if not guarded and kind in ("INTEGER", "INTEGER_TOLD", "DATE"):
        return f"TRY_CAST({quoted} AS {'DATE' if kind == 'DATE' else 'BIGINT'}) AS {quoted}"
    if kind in ("INTEGER", "INTEGER_TOLD"):
        exact = f"{quoted} = trunc({quoted})" + (f" AND abs({quoted}) < 1e15" if kind == "INTEGER" else "")
        return _guarded(column, exact, "BIGINT", told=kind == "INTEGER_TOLD")
    if kind == "DATE":
        return _guarded(column, f"{quoted} = date_trunc('day', {quoted})", "DATE")
    return f"CAST({quoted} AS TIMESTAMP) AS {quoted}" if kind == "TIMESTAMP" else quoted


def _guarded(column: str, exact: str, kind: str, told: bool = False) -> str:
    quoted = name(column)
    problem = f"column {column}: `types` says integer, but there are values with a fraction" if told else MISREAD
    return (
        f"CASE WHEN {quoted} IS NULL THEN NULL WHEN {exact} THEN CAST({quoted} AS {kind}) "
        f"ELSE CAST(error({text(problem)}) AS {kind}) END AS {quoted}"
    )
