"""The types of text columns: the narrowest that fits every value, and nothing that loses a character of it."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from stellwerk.components.ingestion.engine import first_row, name, text
from stellwerk.components.ingestion.sources.base import MISREAD
from stellwerk.spec.data import ColumnType

TOLD: dict[ColumnType, str] = {
    "number": "DOUBLE",
    "integer": "INTEGER_TOLD",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}
"""Type for each name a spec may give."""

READ_AS = {"INTEGER": "DOUBLE", "INTEGER_TOLD": "DECIMAL(38, 9)", "DATE": "TIMESTAMPTZ", "TIMESTAMP": "TIMESTAMPTZ"}
"""What a column is read as before it is narrowed: a reader of BIGINT would round 1.5, one of DATE would cut the time."""

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


def infer(connection: duckdb.DuckDBPyConnection, texts: str, columns: Iterable[str]) -> dict[str, str]:
    """Returns the type of each text column of the SELECT `texts`: INTEGER, BIGINT, DOUBLE, BOOLEAN, DATE, ... or VARCHAR.

    INTEGER stands for whole numbers below 1e15, which a DOUBLE holds exactly; also for columns without any value.
    Numbers with leading zeros and dates in other forms than ISO stay text.
    """
    columns = list(columns)
    row = first_row(connection, f"SELECT {', '.join(_seen(column) for column in columns)} FROM ({texts})") or ()
    return {column: _type(int(seen or 0)) for column, seen in zip(columns, row, strict=True)}


def _seen(column: str) -> str:
    quoted = name(column)
    cases = " ".join(
        f"WHEN regexp_full_match({quoted}, {text(pattern)})"
        + (f" AND TRY_CAST({quoted} AS {cast}) IS NOT NULL" if cast else "")
        + f" THEN {bit}"
        for bit, pattern, cast in _KINDS
    )
    return f"bit_or(CASE WHEN {quoted} IS NULL THEN 0 {cases} ELSE {_TEXT} END)"


def _type(seen: int) -> str:
    return next((kind for mask, kind in _TYPES if seen | mask == mask), "VARCHAR")


def narrowed(column: str, kind: str, guarded: bool = True) -> str:
    """Returns the SQL that takes a column from what it was read as to its type.

    It fails where that would change a value, unless `guarded` is False.
    """
    quoted = name(column)
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
