"""Rows of a fixed shape as Arrow has them: one list of all values a row, in the order of C; the shape is beside the column."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput

SHAPE = b"shape"
"""Key of a column's metadata that holds its shape, where a row has more than one axis."""


def listed(value: pa.DataType, shape: tuple[int, ...]) -> pa.DataType:
    """Returns the type of a column of which each row has values in this shape."""
    return pa.list_(value, math.prod(shape))


def flat(column: pa.ChunkedArray) -> Array:
    """Returns the values of a column without lists, [rows]."""
    values: Array = column.to_numpy()
    return values


def shaped(column: pa.ChunkedArray, shape: tuple[int, ...]) -> Array:
    """Returns the values of a column of lists, [rows, ...]."""
    parts = [np.asarray(part.flatten()) for part in column.chunks]
    values = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return values.reshape(-1, *shape)


def field_of(item: ModelInput) -> pa.Field:
    """Returns the column of an input in the transformed examples."""
    metadata = {SHAPE: json.dumps(item.shape).encode()} if len(item.shape) > 1 else None
    return pa.field(item.name, item.known.stored(item), metadata=metadata)
