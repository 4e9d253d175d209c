"""JSON values to tensors, as TensorFlow Serving's REST API spells them: whole columns at a time, no Python for a value.

Bytes are `{"b64": "..."}`. Beyond TensorFlow Serving, `null` is read as a missing value, and a number may
be written as `readings` has it: true, or a date. What does not fit is refused in
TensorFlow Serving's words.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.readings import number
from stellwerk.serving.tensors import MOST_DIMENSIONS, Array, Tensor

_SHOWN = 256

_KINDS: dict[str, frozenset[type]] = {
    "f": frozenset({float, int}),
    "i": frozenset({int}),
    "u": frozenset({int}),
    "b": frozenset({bool}),
    "O": frozenset({str, dict}),
}

_WIDE = {"f": np.dtype(np.float64), "i": np.dtype(np.int64), "u": np.dtype(np.uint64)}
"""What JSON numbers are read as, before they are narrowed to what the tensor takes."""

_TYPE_NAMES = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}


def invalid(message: str) -> ServingError:
    """Returns the error for a request that does not fit."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def is_bytes(value: Any) -> bool:
    """Says whether a JSON value is the object that stands for bytes."""
    return isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("b64"), str)


def to_array(value: Any, tensor: Tensor) -> Array:
    """Turns nested lists of JSON values into the tensor's type; raises INVALID_ARGUMENT for ragged lists and wrong types."""
    shape = shape_of(value)
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"Lists are nested {len(shape)} deep: a tensor has at most {MOST_DIMENSIONS} dimensions")
    flat: Sequence[Any] = [value]
    for level, size in enumerate(shape):
        if set(map(type, flat)) != {list} or set(map(len, flat)) != {size}:
            raise _misplaced(flat, size, level, len(shape))
        flat = list(chain.from_iterable(flat)) if level else value
    return _converted(flat, tensor, len(shape)).reshape(shape)


def shape_of(value: Any) -> tuple[int, ...]:
    """Returns the shape of nested lists, as their first values have it."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def shown(value: Any) -> str:
    """Returns a JSON value for an error's text, cut where it is long."""
    text = json.dumps(_cut(value, _SHOWN), ensure_ascii=False, indent=4 if isinstance(value, Mapping) else None)
    return text[:_SHOWN]


def _cut(value: Any, items: int) -> Any:
    if isinstance(value, list):
        return [_cut(item, items // 4) for item in value[:items]]
    if isinstance(value, Mapping):
        return {key: _cut(item, items // 4) for key, item in list(value.items())[:items]}
    return value[:_SHOWN] if isinstance(value, str) else value


def type_name(value: Any) -> str:
    """Returns what RapidJSON calls the type of a value."""
    return str(value) if isinstance(value, bool) else _TYPE_NAMES[type(value)]


def _misplaced(flat: Sequence[Any], size: int, level: int, rank: int) -> ServingError:
    for item in flat:
        if not isinstance(item, list):
            where = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {rank}"
            return invalid(f"JSON Value: {shown(item)} {where}")
        if len(item) != size:
            return invalid(f"Encountered list at unexpected size: {len(item)} at level: {level} expected size: {size}")
    raise AssertionError(flat)


def _converted(flat: Sequence[Any], tensor: Tensor, rank: int) -> Array:
    kind = tensor.dtype.kind
    if kind not in _KINDS:
        what = f"Conversion of JSON Value: {shown(flat[0] if flat else [])} to type: {tensor.type_name}"
        raise ServingError(Code.UNIMPLEMENTED, what)
    types = set(map(type, flat))
    if list in types:
        raise invalid(f"Encountered list at unexpected level: {rank} expected < {rank}")
    if type(None) in types:
        types.discard(type(None))
        flat = _filled(flat, tensor)
        types |= {bytes} if kind == "O" else set()
    if kind in "fiu" and not types <= _KINDS[kind]:
        flat = [number(item, whole=kind != "f") for item in flat]
        types = set(map(type, flat))
    if not types <= _KINDS[kind] and not types <= _KINDS[kind] | {bytes}:
        raise _wrong(
            next(item for item in flat if type(item) not in _KINDS[kind] and item is not tensor.missing), tensor
        )
    if kind == "O":
        return _texts(flat, types)
    return np.array(flat, dtype=bool) if kind == "b" else _numbers(flat, tensor)


def _filled(flat: Sequence[Any], tensor: Tensor) -> list[Any]:
    missing = tensor.missing.item() if hasattr(tensor.missing, "item") else tensor.missing
    missing = int(missing) if tensor.dtype.kind in "iu" else missing
    return [missing if item is None else item for item in flat]


def _numbers(flat: Sequence[Any], tensor: Tensor) -> Array:
    kind = tensor.dtype.kind
    try:
        values = np.array(flat, dtype=_WIDE[kind])
    except OverflowError as error:
        limits = np.finfo(tensor.dtype) if kind == "f" else np.iinfo(tensor.dtype)
        as_python = float if kind == "f" else int
        lowest, highest = as_python(limits.min), as_python(limits.max)  # numpy's own do not compare with any integer
        raise _wrong(next(item for item in flat if not lowest <= item <= highest), tensor) from error
    if values.dtype == tensor.dtype:
        return values
    with np.errstate(over="ignore"):
        narrow = values.astype(tensor.dtype)
    beyond = np.isinf(narrow) & np.isfinite(values) if kind == "f" else narrow != values
    if beyond.any():
        raise _wrong(flat[int(np.argmax(beyond))], tensor)
    return narrow


def _texts(flat: Sequence[Any], types: set[type]) -> Array:
    array: Array = np.empty(len(flat), dtype=object)
    try:
        array[:] = list(map(str.encode, flat)) if types <= {str} else [_as_bytes(item) for item in flat]
    except UnicodeEncodeError:
        array[:] = [
            item.encode("utf-8", "surrogatepass") if isinstance(item, str) else _as_bytes(item) for item in flat
        ]
    return array


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not is_bytes(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _wrong(value: Any, tensor: Tensor) -> ServingError:
    expected = {"float32": "float", "float64": "double"}.get(tensor.type_name, tensor.type_name)
    return invalid(f"JSON Value: {shown(value)} Type: {type_name(value)} is not of expected type: {expected}")
