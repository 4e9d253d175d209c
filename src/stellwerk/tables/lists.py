"""Columns whose rows are lists of as many numbers each: a Parquet file has them as fixed-size lists, NumPy as a matrix.

What is missing in a list, or a whole list that is missing, is NaN: Parquet has no null among lists of a fixed size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Matrix = np.ndarray[Any, Any]

BATCH_BYTES = 64 << 20
"""Of rows with lists so many bytes are held at a time, and in a row group."""


def is_list(kind: pa.DataType) -> bool:
    """Tells whether a column of this type has lists of one length."""
    return bool(pa.types.is_fixed_size_list(kind))


def matrix(column: pa.Array) -> Matrix:
    """Returns a column of fixed-size lists as float32 [rows, length]; what is missing is NaN. No copy where nothing is."""
    length = column.type.list_size
    values = column.values.slice(column.offset * length, len(column) * length)
    if values.null_count:
        values = values.fill_null(float("nan")) if pa.types.is_floating(values.type) else values.cast(pa.float64())
    numbers = np.asarray(values.to_numpy(zero_copy_only=False), np.float32).reshape(len(column), length)
    if column.null_count:
        numbers = np.where(np.asarray(column.is_valid())[:, None], numbers, np.float32(np.nan))
    return numbers


def lists(numbers: Matrix) -> pa.Array:
    """Returns float32 [rows, length] as a column of lists."""
    flat = np.ascontiguousarray(numbers, np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), numbers.shape[1])


def width(kind: pa.DataType) -> int:
    """Returns how many values a row of a column of this type has."""
    return kind.list_size if is_list(kind) else 1


def rows_within(schema: pa.Schema, size: int, most: int) -> int:
    """Returns how many rows, `most` at most, take about `size` bytes: where rows are wide, fewer are held at a time."""
    values = sum(width(field.type) for field in schema)
    return max(1, min(most, size // (4 * values))) if any(is_list(field.type) for field in schema) else most
