"""Rows as lines of CSV or JSON, made column by column: no Python for each row but where a text has to be escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.errors import UsageError

_TO_ESCAPE = r'[\x00-\x1f\x7f"\\]'
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def csv_header(names: list[str], delimiter: str) -> bytes:
    """Returns the first line of a CSV file."""
    return (delimiter.join(_quoted_name(name, delimiter) for name in names) + "\n").encode()


def _quoted_name(name: str, delimiter: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(one in name for one in ('"', "\r", "\n", delimiter)) else name


def csv_rows(columns: Mapping[str, pa.Array], delimiter: str) -> pa.Buffer:
    """Returns the rows as CSV; values are quoted where they must be, missing ones are empty.

    Raises UsageError for a column that holds lists or objects.
    """
    parts: list[Any] = []
    for name, column in columns.items():
        parts += [_scalar(delimiter)] * bool(parts)
        parts.append(_csv_values(name, column, delimiter, alone=len(columns) == 1))
    return _lines(parts, "")


def _csv_values(name: str, column: pa.Array, delimiter: str, alone: bool) -> pa.Array:
    if pa.types.is_nested(column.type):
        raise UsageError(
            f"column '{name}' is nested ({column.type}), which CSV cannot hold. Write .jsonl or .parquet, or choose "
            "the columns to keep with --keep."
        )
    if not _is_text(column.type):
        return _as_text(column)
    texts = column.cast(pa.string())
    special = pc.match_substring_regex(texts, '["\r\n' + ("\\t" if delimiter == "\t" else f"\\{delimiter}") + "]")
    if alone:
        special = pc.or_(special, pc.equal(texts, ""))
    if not pc.any(special).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    quoted = pc.binary_join_element_wise(_scalar('"'), doubled, _scalar('"'), _scalar(""))
    return pc.if_else(special, quoted, texts)


def json_rows(columns: Mapping[str, pa.Array], heads: pa.Array | None = None) -> pa.Buffer:
    """Returns the rows as JSON objects; with `heads` their keys follow those that are there already.

    Infinity and NaN are null: JSON has no such numbers.
    """
    parts: list[Any] = []
    for name, column in columns.items():
        if not parts and heads is not None:
            texts = heads.cast(pa.string())
            parts.append(
                pc.if_else(pc.equal(texts, "{"), "{", pc.binary_join_element_wise(texts, _scalar(", "), _scalar("")))
            )
            parts.append(_scalar(f"{_encode(name)}: "))
        else:
            parts.append(_scalar(f"{', ' if parts else '{'}{_encode(name)}: "))
        parts.append(_json_values(column))
    return _lines([*parts, _scalar("}")], "null")


def _json_values(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) and not pc.any(pc.match_substring_regex(column, _TO_ESCAPE)).as_py():
        return _in_quotes(column)
    if _is_text(kind) or pa.types.is_nested(kind):
        return pa.array(
            [None if value is None else _encode(_readable(value)) for value in column.to_pylist()], pa.string()
        )
    if pa.types.is_floating(kind):
        finite = pc.fill_null(pc.is_finite(column), False)
        return pc.if_else(finite, _as_text(column), pa.scalar(None, pa.string()))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return _as_text(column)
    return _in_quotes(_as_text(column))


def _readable(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _as_text(column: pa.Array) -> pa.Array:
    if column.type == pa.float16():
        return column.cast(pa.float32()).cast(pa.string())
    try:
        return column.cast(pa.string())
    except pa.ArrowNotImplementedError:  # decimals and durations, which this Arrow does not write
        values = column.to_pylist()
        written = [format(value, "f") if isinstance(value, Decimal) else str(value) for value in values]
        return pa.array(
            [None if value is None else text for value, text in zip(values, written, strict=True)], pa.string()
        )


def _in_quotes(column: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise(_scalar('"'), column, _scalar('"'), _scalar(""))
    return pc.if_else(pc.is_valid(column), quoted, column)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.string())


def _lines(parts: list[Any], missing: str) -> pa.Buffer:
    """Joins the parts of every row and all rows: they already lie one behind the other in memory."""
    rows = pc.binary_join_element_wise(
        *parts, _scalar("\n"), _scalar(""), null_handling="replace", null_replacement=missing
    )
    _, ends, content = rows.buffers()
    if not len(rows):
        return pa.py_buffer(b"")
    offsets = np.frombuffer(ends, np.int32)[rows.offset : rows.offset + len(rows) + 1]
    return content.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
