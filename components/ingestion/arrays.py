"""Arrow arrays as numpy arrays and back, without a copy and without importing pandas as Arrow's own `to_numpy` does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

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
    chosen = _unpacked(true, array)
    return chosen & _unpacked(present, array) if array.null_count else chosen


def nulls(array: pa.Array) -> np.ndarray[Any, Any]:
    """Returns where values are missing, bool [len]."""
    return ~_unpacked(array.buffers()[0], array) if array.null_count else np.zeros(len(array), np.bool_)


def _unpacked(bits: pa.Buffer | None, array: pa.Array) -> np.ndarray[Any, Any]:
    if bits is None:
        return np.zeros(len(array), np.bool_)
    unpacked = np.unpackbits(np.frombuffer(bits, np.uint8), count=array.offset + len(array), bitorder="little")
    return unpacked[array.offset :].view(np.bool_)


def arrow_mask(chosen: np.ndarray[Any, Any]) -> pa.Array:
    """Returns a bool array as Arrow filters with."""
    bits = np.packbits(chosen, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(chosen), [None, pa.py_buffer(bits)])
