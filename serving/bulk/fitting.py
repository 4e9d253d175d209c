"""Makes the columns of a file what a model takes, by the rules that training went by, and says which values do not fit."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import number_of, seconds_of
from stellwerk.errors import DataError, did_you_mean
from stellwerk.serving.bulk.inputs import BadRow, Block
from stellwerk.serving.bulk.inputs.base import Lines
from stellwerk.serving.tensors import Array, Tensor, column_values
from stellwerk.tables.lists import is_list, lists, matrix
from stellwerk.tables.numerals import others, plain_mark

_DOUBLE = number_of("x")
_OTHER = (
    "CASE WHEN lower(trim(x)) = 'true' THEN 1 WHEN lower(trim(x)) = 'false' THEN 0 "
    f"ELSE {seconds_of('TRY_CAST(x AS TIMESTAMPTZ)')} END"
)
_NUMBER = f"coalesce({_DOUBLE}, CAST({_OTHER} AS DOUBLE))"
_WHOLE = (
    "CASE WHEN regexp_full_match(x, '\\s*[+-]?\\d+\\s*') THEN TRY_CAST(x AS BIGINT) "
    f"WHEN {_DOUBLE} = trunc({_DOUBLE}) AND abs({_DOUBLE}) < 1e15 THEN CAST({_DOUBLE} AS BIGINT) "
    f"WHEN {_DOUBLE} IS NULL THEN {_OTHER} END"
)
_LONGEST = 200
"""Bytes that are set aside as they are."""
_TEXTS = "(SELECT unnest($1::VARCHAR[]) AS x)"
_SELECTS = {True: f"SELECT {_WHOLE} FROM {_TEXTS}", False: f"SELECT {_NUMBER} FROM {_TEXTS}"}  # noqa: S608
"""Numbers, whole ones also spelled 7.0; true is 1, and dates and times are seconds since 1970 (UTC), as they were in training."""


@dataclass(frozen=True)
class Fitted:
    """The rows of a block that fit."""

    inputs: dict[str, Array]
    """Arrays by input name, as the model takes them."""
    kept: pa.RecordBatch
    """All columns that were read; of CSV files those that the model takes as numbers are numbers, null for missing."""
    heads: pa.Array | None
    bad: list[BadRow]
    lines: Lines
    """Returns the line of each row."""
    member: str = ""
    """Which of several files they are from."""

    def bad_row(self, row: int, reason: str) -> BadRow:
        """Returns a row of these as one that cannot be used."""
        of = f"{self.member}: " if self.member else ""
        return BadRow(int(self.lines()[row]), of + reason, _row(self.kept, row))


def check_columns(names: Collection[str], tensors: Mapping[str, Tensor], where: str) -> None:
    """Raises DataError when a column that the model takes is not in the file, or an input is neither one value a row nor a list of one length."""
    for tensor in tensors.values():
        if tensor.shape is not None and (len(tensor.shape) > 2 or tensor.shape[1:] == (None,)):
            raise DataError(
                f"the model's input '{tensor.name}' is neither one value a row nor a list of so many (its shape is "
                f"{list(tensor.shape)}), so no column can hold it. Name another signature with --signature."
            )
    lacking = [name for name in tensors if name not in names]
    if lacking:
        free = [name for name in names if name not in tensors]
        said = ", ".join(f"'{name}'{did_you_mean(name, free)}" for name in lacking)
        raise DataError(
            f"{where}: the model takes columns that are not there: {said} The columns are: {', '.join(names)}."
        )


class Fitter:
    """Fits one block after the other. For one thread: it holds a database connection."""

    def __init__(self, tensors: Mapping[str, Tensor], null_values: Iterable[str], as_read: bool) -> None:
        """`null_values` are texts that mean missing; with `as_read` kept columns stay as they were read."""
        self.tensors = tensors
        self._nulls = pa.array([value.encode() for value in null_values], pa.binary())
        self._as_read = as_read
        self.numerals = (".", "")
        """What stands before the fraction of a number that is text, and between groups of three digits."""
        self._connection = duckdb.connect(config={"threads": 1, "python_enable_replacements": False})
        self._connection.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def __call__(self, block: Block) -> Fitted:
        """Returns what fits; rows with a value that does not are among `bad`, with the first reason."""
        rows = block.rows
        reasons: dict[int, str] = {}
        columns = dict(zip(rows.schema.names, rows.columns, strict=True))
        typed: dict[str, pa.Array] = {}
        for name, tensor in self.tensors.items():
            typed[name] = self._column(columns[name], tensor, reasons)
        kept = rows if self._as_read else self._kept(rows, typed)
        heads, bad, numbers = block.heads, list(block.bad), block.lines
        if reasons:
            lines = block.lines()
            of = f"{block.member}: " if block.member else ""
            bad += [BadRow(int(lines[row]), of + reason, _row(rows, row)) for row, reason in sorted(reasons.items())]
            fits = np.ones(rows.num_rows, np.bool_)
            fits[list(reasons)] = False
            mask = pa.array(fits)
            kept = kept.filter(mask)
            typed = {name: column.filter(mask) for name, column in typed.items()}
            heads = None if heads is None else heads.filter(mask)
            fitting = lines[fits]
            numbers = lambda: fitting  # noqa: E731 - as readers give them
        inputs = {name: _shaped(column_values(typed[name], tensor), tensor) for name, tensor in self.tensors.items()}
        return Fitted(inputs, kept, heads, sorted(bad, key=lambda one: one.line), numbers, block.member)

    def _kept(self, rows: pa.RecordBatch, typed: Mapping[str, pa.Array]) -> pa.RecordBatch:
        arrays = [
            typed[name] if name in typed and self.tensors[name].dtype.kind != "O" else self._without_nulls(column)
            for name, column in zip(rows.schema.names, rows.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=rows.schema.names)

    def _without_nulls(self, column: pa.Array) -> pa.Array:
        """Makes texts that mean missing null."""
        if not len(self._nulls) or not pa.types.is_string(column.type):
            return column
        missing = pc.is_in(column, value_set=self._nulls.cast(pa.string()))
        return pc.if_else(missing, pa.scalar(None, column.type), column) if pc.any(missing).as_py() else column

    def _column(self, column: pa.Array, tensor: Tensor, reasons: dict[int, str]) -> pa.Array:
        column = self._without_nulls(column)
        kind = column.type
        length = _length(tensor)
        if length:
            return _lists(column, tensor, length, reasons)
        if tensor.dtype.kind == "O":
            return self._marked(_text(column, tensor))
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
            column = self._from_text(column, tensor, reasons)
        elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            column = _seconds(column)
        elif pa.types.is_boolean(kind):
            column = column.cast(pa.int64())
        elif pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
            raise DataError(f"column '{tensor.name}' holds {kind} values, but the model takes {tensor.type_name}.")
        whole = tensor.dtype.kind in "iub"
        if not pa.types.is_integer(column.type):
            column = column.cast(pa.float64()) if not pa.types.is_floating(column.type) else column
            column = _whole(column, tensor, reasons) if whole else _finite(column, tensor, reasons)
        return _in_range(column, tensor, reasons) if tensor.dtype.kind in "iu" else column

    def _from_text(self, column: pa.Array, tensor: Tensor, reasons: dict[int, str]) -> pa.Array:
        whole = tensor.dtype.kind in "iub"
        column = self._plain(column.cast(pa.string()))
        try:
            return column.cast(pa.int64() if whole else pa.float64())
        except pa.ArrowInvalid:
            numbers = self._unusual(column, whole)
        wrong = pc.and_(pc.is_null(numbers), pc.is_valid(column))
        _add(reasons, wrong, f"{tensor.name}: not a {'whole ' if whole else ''}number")
        return numbers

    def _marked(self, texts: pa.Array) -> pa.Array:
        """Returns texts with the mark between groups of digits that training saw in their place."""
        thousands = self.numerals[1]
        if not others(thousands) or not pa.types.is_string(texts.type):
            return texts
        for _ in range(2):  # of two groups one after the other a pattern finds the first
            texts = pc.replace_substring_regex(
                texts, f"([0-9])[{others(thousands)}]([0-9]{{3}})", rf"\1{plain_mark(thousands)}\2"
            )
        return texts

    def _plain(self, texts: pa.Array) -> pa.Array:
        """Returns numbers as SQL writes them."""
        decimal, thousands = self.numerals
        for mark in dict.fromkeys([plain_mark(thousands), *others(thousands)]) if thousands else ():
            texts = pc.replace_substring(texts, mark, "")
        return pc.replace_substring(texts, decimal, ".") if decimal != "." else texts

    def _unusual(self, column: pa.Array, whole: bool) -> pa.Array:
        """Casts texts of which some are not plain numbers, as ingestion does; what is no number becomes null."""
        encoded = column.dictionary_encode()
        rows = self._connection.execute(_SELECTS[whole], [encoded.dictionary.to_pylist()]).fetchall()
        numbers = pa.array([row[0] for row in rows], pa.int64() if whole else pa.float64())
        return numbers.take(encoded.indices)


def _text(column: pa.Array, tensor: Tensor) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return column
    if any(
        fits(kind) for fits in (pa.types.is_null, pa.types.is_integer, pa.types.is_boolean, pa.types.is_large_string)
    ):
        return column.cast(pa.string())
    raise DataError(
        f"column '{tensor.name}' holds {kind} values, but the model takes text. Write it as the text that training saw."
    )


def _seconds(column: pa.Array) -> pa.Array:
    """Makes times seconds since 1970, rounded down."""
    micros = column.cast(pa.timestamp("us", column.type.tz if pa.types.is_timestamp(column.type) else None))
    values = micros.cast(pa.int64())
    whole = np.floor_divide(pc.fill_null(values, 0).to_numpy(zero_copy_only=False), 1_000_000)
    return pc.if_else(pc.is_valid(values), pa.array(whole), pa.scalar(None, pa.int64()))


def _whole(column: pa.Array, tensor: Tensor, reasons: dict[int, str]) -> pa.Array:
    numbers = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    fits = pc.and_(pc.equal(numbers, pc.trunc(numbers)), pc.less(pc.abs(numbers), 2.0**63))
    wrong = pc.invert(pc.fill_null(fits, True))
    _add(reasons, wrong, f"{tensor.name}: not a whole number")
    return pc.if_else(wrong, pa.scalar(None, column.type), numbers).cast(pa.int64())


def _finite(column: pa.Array, tensor: Tensor, reasons: dict[int, str]) -> pa.Array:
    large = pc.greater(pc.abs(column), float(np.finfo(tensor.dtype).max))
    _add(reasons, pc.fill_null(large, False), f"{tensor.name}: infinite, or too large for {tensor.type_name}")
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _in_range(column: pa.Array, tensor: Tensor, reasons: dict[int, str]) -> pa.Array:
    limits = np.iinfo(tensor.dtype)
    if limits.bits >= 64 and limits.min < 0:
        return column
    wrong = pc.or_(pc.less(column, int(limits.min)), pc.greater(column, min(int(limits.max), 2**63 - 1)))
    _add(reasons, pc.fill_null(wrong, False), f"{tensor.name}: too large for {tensor.type_name}")
    return column


def _add(reasons: dict[int, str], wrong: pa.Array, reason: str) -> None:
    if pc.any(wrong).as_py():
        for row in np.flatnonzero(wrong.to_numpy(zero_copy_only=False)):
            reasons.setdefault(int(row), reason)


def _row(rows: pa.RecordBatch, row: int) -> dict[str, Any]:
    return {name: _shown(column[row].as_py()) for name, column in zip(rows.schema.names, rows.columns, strict=True)}


def _shown(value: Any) -> Any:
    """Returns a value as it is set aside: a file by its length."""
    return f"{len(value):,} bytes" if isinstance(value, bytes) and len(value) > _LONGEST else value


def _length(tensor: Tensor) -> int:
    """Returns how many numbers the list of a row has; 0 where a row has one value."""
    length = tensor.shape[1] if tensor.shape is not None and len(tensor.shape) == 2 else None
    return length if length is not None and length > 1 else 0


def _lists(column: pa.Array, tensor: Tensor, length: int, reasons: dict[int, str]) -> pa.Array:
    """Returns lists of `length` numbers. A text is read as JSON: tables of text have no lists."""
    if pa.types.is_string(column.type):
        column = _parsed(column)
    if is_list(column.type) and column.type.list_size == length and not pa.types.is_nested(column.type.value_type):
        return lists(matrix(column))
    if is_list(column.type):
        column = pa.array(column.to_pylist(), pa.list_(column.type.value_type))
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise DataError(
            f"column '{tensor.name}' holds {column.type} values, but the model takes lists of {length} numbers."
        )
    try:
        numbers = column.flatten().cast(pa.float64())
    except pa.ArrowException:
        raise DataError(
            f"column '{tensor.name}' holds lists of {column.type.value_type}, and the model takes numbers."
        ) from None
    sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    fits = sizes == length
    _add(reasons, pa.array(~fits), f"{tensor.name}: not a list of {length} numbers")
    values = np.full((len(column), length), np.nan, np.float32)
    values[fits] = numbers.to_numpy(zero_copy_only=False)[np.repeat(fits, sizes)].reshape(-1, length)
    return lists(values)


def _parsed(texts: pa.Array) -> pa.Array:
    """Returns the lists of numbers that JSON texts are; null where one is something else."""
    return pa.array([_numbers_in(text) for text in texts.to_pylist()], pa.list_(pa.float64()))


def _numbers_in(text: str | None) -> list[float | None] | None:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    fits = isinstance(found, list) and all(one is None or type(one) in (int, float) for one in found)
    return [None if one is None else float(one) for one in found] if fits and found else None


def _shaped(values: Array, tensor: Tensor) -> Array:
    return values.reshape(-1, 1) if tensor.shape is not None and len(tensor.shape) == 2 and values.ndim == 1 else values
