"""Rows of a fixed shape as Arrow has them: one list of all values a row, in the order of C; the shape is beside the column.

Of uint8 a row is so many bytes: Parquet has no numbers of one byte, and would keep four for each.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput

SHAPE = b"shape"
"""Key of a column's metadata that holds its shape, where a row has more than one axis."""


_WIDEST = 8
"""Bytes of a number that is no uint8."""


def listed(value: pa.DataType, shape: tuple[int, ...]) -> pa.DataType:
    """Returns the type of a column of which each row has values in this shape."""
    return pa.binary(math.prod(shape)) if pa.types.is_uint8(value) else pa.list_(value, math.prod(shape))


def column_of(values: Array, kind: pa.DataType) -> pa.Array:
    """Returns values [rows, ...] as a column of a type that `listed` gives."""
    if pa.types.is_fixed_size_binary(kind):
        rows = np.ascontiguousarray(values, np.uint8)
        return pa.FixedSizeBinaryArray.from_buffers(kind, len(values), [None, pa.py_buffer(rows)])
    numbers = values.reshape(-1).astype(kind.value_type.to_pandas_dtype(), copy=False)
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers, kind.value_type), kind.list_size)


def values_of(column: pa.Array) -> Array:
    """Returns all values of a column of rows, or of single values, one behind the other."""
    if pa.types.is_fixed_size_binary(column.type):
        width = column.type.byte_width
        held = np.frombuffer(column.buffers()[1], np.uint8) if len(column) else np.empty(0, np.uint8)
        return held[column.offset * width : (column.offset + len(column)) * width]
    numbers: Array = (column.flatten() if is_rows(column.type) else column).to_numpy(zero_copy_only=False)
    return numbers


def is_rows(kind: pa.DataType) -> bool:
    """Says whether each row of a column has several values."""
    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_fixed_size_binary(kind))


def bytes_a_row(kind: pa.DataType) -> int:
    """Returns about how many bytes a row of a column takes while it is made."""
    if pa.types.is_fixed_size_binary(kind):
        width: int = kind.byte_width
        return width
    return _WIDEST * getattr(kind, "list_size", 1)


def flat(column: pa.ChunkedArray) -> Array:
    """Returns the values of a column without lists, [rows]."""
    values: Array = column.to_numpy()
    return values


def shaped(column: pa.ChunkedArray, shape: tuple[int, ...]) -> Array:
    """Returns the values of a column of lists, [rows, ...]."""
    parts = [values_of(part) for part in column.chunks]
    values = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, np.float32)
    return values.reshape(-1, *shape)


def field_of(item: ModelInput) -> pa.Field:
    """Returns the column of an input in the transformed examples."""
    metadata = {SHAPE: json.dumps(item.shape).encode()} if len(item.shape) > 1 else None
    return pa.field(item.name, item.known.stored(item), metadata=metadata)
