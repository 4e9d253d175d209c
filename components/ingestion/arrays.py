"""Arrow arrays as numpy arrays and back, without a copy and without importing pandas as Arrow's own methods do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DTYPES = {pa.int64(): np.int64, pa.int32(): np.int32, pa.float32(): np.float32}


def values(array: pa.Array) -> np.ndarray[Any, Any]:
    """Returns the values of an int64, int32 or float32 array, [len]; a view. Where a value is missing it is any number."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), _DTYPES[array.type])
    return np.frombuffer(buffer, _DTYPES[array.type])[array.offset : array.offset + len(array)]


def mask(array: pa.Array) -> np.ndarray[Any, Any]:
    """Returns a bool array [len]; missing is False."""
    present, true = array.buffers()
    trues = _unpacked(true, array)
    return trues & _unpacked(present, array) if array.null_count else trues


def nulls(array: pa.Array) -> np.ndarray[Any, Any]:
    """Returns where values are missing, bool [len]."""
    return ~_unpacked(array.buffers()[0], array) if array.null_count else np.zeros(len(array), np.bool_)


def _unpacked(bits: pa.Buffer | None, array: pa.Array) -> np.ndarray[Any, Any]:
    if bits is None:
        return np.zeros(len(array), np.bool_)
    unpacked = np.unpackbits(np.frombuffer(bits, np.uint8), count=array.offset + len(array), bitorder="little")
    return unpacked[array.offset :].view(np.bool_)


def chosen(batch: pa.RecordBatch, rows: np.ndarray[Any, Any]) -> pa.RecordBatch:
    """Returns the rows of a batch where the bool array `rows` is True."""
    bits = np.packbits(rows, bitorder="little")
    return where(batch, pa.Array.from_buffers(pa.bool_(), len(rows), [None, pa.py_buffer(bits)]))


def where(rows: Any, fits: pa.Array) -> Any:
    """Returns the rows of a batch, or the values of an array, where the Arrow array `fits` is true."""
    return pc.call_function("filter", [rows, fits], pc.FilterOptions())


def text(value: str) -> pa.Scalar:
    """Returns a text as Arrow joins with."""
    content = value.encode()
    ends = np.array([0, len(content)], np.int32)
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(content)])[0]
