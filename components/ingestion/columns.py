"""Makes the columns of a query's result the types of Examples, and says which rows do not fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import (
    BYTES,
    COLUMN_TYPES,
    DIGEST,
    OF_SQL,
    ColumnType,
    cast_of,
    list_of,
    medium_of,
    number_of,
    seconds_of,
)
from stellwerk.components.ingestion import spelling
from stellwerk.components.ingestion.arrays import mask, nulls
from stellwerk.components.ingestion.engine import first_row, name, text
from stellwerk.errors import DataError
from stellwerk.tables.lists import lists, matrix

_TIMES = ("DATE", "TIMESTAMP")
_WIDE = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")
_LIST = re.compile(r"(\w+)(?:\(\d+,\d+\))?\[(\d*)\]")
MOST_VALUES = 100_000
"""So many numbers a row may have in one list at most."""


@dataclass(frozen=True)
class Column:
    """One column of the result: how SQL gives it, and what it is in Examples."""

    name: str
    kind: str
    sql: str
    called: str
    """What SQL calls it: its name, but where two differ by case only."""
    from_text: bool = False
    """A text that is wanted as a number, a number as a whole one, or a list of one length: what is none is a flaw of its row."""
    given: str = ""
    """SQL of the value that it is made from, where that is not the column itself."""
    fact: bool = False
    """Whether it is what a library measured of another column: it decides nothing about a row."""
    medium: str = ""
    """The media type of bytes; its values are their digests until they are written."""


def plan(
    described: Mapping[str, str],
    numbers: Iterable[str],
    wide: Mapping[str, bool] | None = None,
    facts: Container[str] = (),
    lengths: Mapping[str, int] | None = None,
) -> list[Column]:
    """Decides for each column of a `spelling.result` what it becomes; nested ones are left out, which nothing of a spec can use.

    `wide` says of the columns of `wide_columns` whether they hold more than 64 bits, `lengths` how many numbers each list has: lists
    that are not among them are left out too; `facts` are columns with what is known of media. Raises DataError for a nested column and
    for bytes that are wanted as a number.
    """
    wanted = set(numbers)
    for column in wanted & described.keys():
        if is_nested(described[column]):
            raise nested(column, described[column])
    called = spelling.called(described)
    columns = [
        _column(column, called[column], kind, column in wanted, (wide or {}).get(column, False))
        if not is_list(kind)
        else _list(column, called[column], (lengths or {})[column])
        for column, kind in described.items()
        if not is_nested(kind) and (not is_list(kind) or column in (lengths or {}))
    ]
    return [replace(column, fact=True) if column.name in facts else column for column in columns]


def is_nested(sql_type: str) -> bool:
    """Tells whether values of an SQL type are lists, structs or anything else that is not one value a row."""
    base = _base(sql_type)
    return base not in OF_SQL and not base.startswith(_TIMES) and medium_of(sql_type) is None and not is_list(sql_type)


def is_list(sql_type: str) -> bool:
    """Tells whether values of an SQL type are lists of numbers."""
    found = _LIST.fullmatch(sql_type)
    return found is not None and found[1] in OF_SQL and OF_SQL[found[1]].number


def list_lengths(
    connection: duckdb.DuckDBPyConnection, described: Mapping[str, str], relation: str, named: Container[str]
) -> dict[str, int]:
    """Returns how many numbers the lists of each column that the spec names have: where they differ, most of them in all rows.

    Raises DataError for lists without a number in them, and for those of too many.
    """
    found = {column: _LIST.fullmatch(kind) for column, kind in described.items() if is_list(kind) and column in named}
    lengths = {column: int(kind[2]) for column, kind in found.items() if kind is not None and kind[2]}
    called = spelling.called(described)
    asked = [column for column in found if column not in lengths]
    if asked:
        modes = ", ".join(f"mode(len({name(called[column])}))" for column in asked)
        row = first_row(connection, f"SELECT {modes} FROM ({relation})") or ()
        lengths |= {column: int(length or 0) for column, length in zip(asked, row, strict=True)}
    for column, length in lengths.items():
        if not 0 < length <= MOST_VALUES:
            raise DataError(
                f"column '{column}': most of its lists have {length:,} numbers; they need one at least, and {MOST_VALUES:,} "
                "at most. Shorten them in data.query, or leave the column out."
            )
    return {column: lengths[column] for column in found}


def nested(column: str, sql_type: str) -> DataError:
    """Returns the error of a nested column that is named."""
    return DataError(
        f"column '{column}' is nested ({sql_type}); a column holds one value a row. "
        "Take it apart in data.query, e.g. with unnest(...) or column.field."
    )


def may_be_wide(described: Mapping[str, str]) -> bool:
    """Tells whether only all rows say what becomes of some column: of whole numbers that may be too large for 64 bits, and of lists."""
    return any(_base(kind) in _WIDE or (is_list(kind) and kind.endswith("[]")) for kind in described.values())


def measured(connection: duckdb.DuckDBPyConnection, described: Mapping[str, str], relation: str) -> dict[str, bool]:
    """Returns of each column whose whole numbers may be too large for 64 bits whether some are, by all rows of a SELECT."""
    called = spelling.called(described)
    columns = [column for column, kind in described.items() if _base(kind) in _WIDE]
    if not columns:
        return {}
    asked = ", ".join(f"bool_or({name(called[column])} NOT BETWEEN {-(2**63)} AND {2**63 - 1})" for column in columns)
    row = first_row(connection, f"SELECT {asked} FROM ({relation})") or ()
    return {column: bool(value) for column, value in zip(columns, row, strict=True)}


def _base(sql_type: str) -> str:
    return "" if sql_type.endswith("]") else sql_type.split("(", 1)[0].strip('"').split(" ", 1)[0]


def _column(column: str, called: str, sql_type: str, number: bool, wide: bool) -> Column:
    quoted = name(called)
    base = _base(sql_type)
    if base.startswith(_TIMES):
        return Column(column, "int64", seconds_of(quoted), called)
    found = medium_of(sql_type)
    if found is not None and number:
        raise _no_number(column)
    if found is not None:
        medium, kind = found
        digest = f"CAST(struct_extract({quoted}, {text(DIGEST)}) AS BLOB)"
        return Column(column, kind, digest, called, medium=medium.name)
    kind = OF_SQL[base].name
    if wide:
        kind = "float" if number else "string"
    if number and kind == BYTES:
        raise _no_number(column)
    if number and kind == "string":
        return Column(column, "float", number_of(quoted), called, from_text=True)
    cast = f"CAST({quoted} AS {COLUMN_TYPES[kind].cast})" if wide else cast_of(quoted, base)
    return Column(column, kind, cast, called)


def _no_number(column: str) -> DataError:
    return DataError(
        f"column '{column}' holds bytes, and a feature or the target needs a number. Convert it in data.query."
    )


def _list(column: str, called: str, length: int) -> Column:
    quoted, kind = name(called), list_of(length)
    sql = f"TRY_CAST({quoted} AS {COLUMN_TYPES[kind].cast}[{length}])"
    return Column(column, kind, sql, called, from_text=True, given=f"CASE WHEN {sql} IS NULL THEN {quoted} END")


def text_of(column: str) -> str:
    """Returns what `select` calls the texts of a column of numbers made from text."""
    return f"text of {column}"


def select(columns: Iterable[Column], relation: str) -> str:
    """Returns the SELECT that gives the columns, as SQL calls them, and after them the texts of those that are numbers made from text."""
    columns = list(columns)
    listed = [f"{column.sql} AS {name(column.called)}" for column in columns]
    listed += [
        f"CAST({column.given or name(column.called)} AS VARCHAR) AS {name(text_of(column.called))}"
        for column in columns
        if column.from_text
    ]
    return f"SELECT {', '.join(listed)} FROM ({relation})"


def field_of(column: Column, kind: str) -> pa.Field:
    """Returns the field of a column whose values are of a type of `stellwerk.columns`."""
    said = {"media_type": column.medium} if column.medium else None
    return pa.field(column.name, COLUMN_TYPES[kind].arrow_type, metadata=said)


@dataclass
class Flaws:
    """The first thing that is wrong with each row of a batch, if any."""

    codes: np.ndarray[Any, Any]
    reasons: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rows: int) -> Flaws:
        """Starts with `rows` rows that are all fine."""
        return cls(np.zeros(rows, np.int16))

    def add(self, bad: np.ndarray[Any, Any], reason: str) -> None:
        """Gives the reason to the rows of mask `bad` that have none yet."""
        if bad.any():
            self.reasons.append(reason)
            self.codes[bad & (self.codes == 0)] = len(self.reasons)

    @property
    def bad(self) -> np.ndarray[Any, Any]:
        """Mask of the rows that are wrong."""
        wrong: np.ndarray[Any, Any] = self.codes > 0
        return wrong

    def reason(self, row: int) -> str:
        """Returns what is wrong with row `row`."""
        return self.reasons[int(self.codes[row]) - 1]


class Normaliser:
    """Turns the batches of `select` into batches of Examples, and counts the NaN that become missing."""

    def __init__(self, columns: Iterable[Column], target: str, named: Container[str]) -> None:
        """`named` are the columns that the spec names: of the others an infinite value becomes missing, and no row is wrong for it."""
        self.columns = list(columns)
        self.target = target
        self.named = named
        self.schema = pa.schema([field_of(column, COLUMN_TYPES[column.kind].read_as) for column in self.columns])
        self.missing_from_nan: Counter[str] = Counter()

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Flaws]:
        """Returns the batch in Examples' types, and what is wrong with its rows."""
        flaws = Flaws.of(batch.num_rows)
        texts = iter(batch.columns[len(self.columns) :])
        arrays = []
        for column, values, asked in zip(self.columns, batch.columns, self.schema, strict=False):
            known, wanted = COLUMN_TYPES[column.kind], asked.type
            array = values if known.length or values.type == wanted else pc.cast(values, wanted)
            if column.from_text:
                flaws.add(nulls(array) & ~nulls(next(texts)), f"{column.name}: not {_wanted(known)}")
            if known.length:
                array = self._lists(column.name, array, flaws)
            if column.kind == "float":
                array = self._finite(column.name, array, flaws)
            if column.name == self.target and array.null_count:
                flaws.add(nulls(array), f"{column.name}: the target is missing")
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema), flaws

    def _lists(self, column: str, array: pa.Array, flaws: Flaws) -> pa.Array:
        """Returns lists in which what is missing is NaN, as Parquet has no null among lists of one length."""
        numbers = matrix(array)
        flaws.add(np.isinf(numbers).any(axis=1), f"{column}: infinite, or too large for 32 bits")
        if column == self.target:
            flaws.add(np.isnan(numbers).any(axis=1), f"{column}: the target is missing")
        return lists(numbers)

    def _finite(self, column: str, array: pa.Array, flaws: Flaws) -> pa.Array:
        if pc.all(pc.is_finite(array)).as_py() is not False:
            return array
        missing = pc.is_nan(array)
        if column in self.named:
            flaws.add(mask(pc.is_inf(array)), f"{column}: infinite, or too large for 32 bits")
        else:
            missing = pc.invert(pc.is_finite(array))
        missing = pc.fill_null(missing, False)
        self.missing_from_nan[column] += pc.sum(missing).as_py()
        return pc.if_else(missing, pa.scalar(None, array.type), array)


def _wanted(known: ColumnType) -> str:
    if known.length:
        return f"a list of {known.length} numbers"
    return f"a {'whole ' if known.name == 'int64' else ''}number"
