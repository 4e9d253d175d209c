"""Rows as JSON objects, made column by column: bad rows may be many."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.ingestion.arrays import text

_TO_ESCAPE = r"[\x00-\x1f\x7f\"\\\\]"


def readable(value: Any) -> str:
    """Returns a value that JSON does not know as text."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


encode = json.JSONEncoder(ensure_ascii=False, default=readable).encode


def json_rows(names: Iterable[str], columns: Iterable[pa.Array]) -> list[str]:
    """Returns each row as a JSON object. Infinity and NaN become texts: JSON has no such numbers."""
    parts: list[Any] = []
    for name, column in zip(names, columns, strict=True):
        parts += [text(f"{', ' if parts else '{'}{encode(name)}: "), _json_values(column)]
    joined = _joined(*parts, text("}"))
    rows: list[str] = joined.to_pylist()
    return rows


def _joined(*parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, text(""), null_handling="replace", null_replacement="null")


def _json_values(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type) and not pc.any(pc.match_substring_regex(column, _TO_ESCAPE)).as_py():
        return _quoted(column, pc.is_null(column))
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        return pa.array([None if value is None else encode(value) for value in column.to_pylist()], pa.string())
    written = pc.cast(column, pa.string())
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_finite(column), written, _quoted(written, pc.is_null(column)))
    return written


def _quoted(column: pa.Array, missing: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise(text('"'), column, text('"'), text(""))
    return pc.if_else(missing, column, quoted)
