"""JSON values to tensors and back, as TensorFlow Serving's REST API spells them.

Bytes are `{"b64": "..."}`, NaN and infinities are the bare tokens that TensorFlow Serving reads and writes. Beyond it, `null`
is read as a missing value.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stellwerk.serving.loading import InputError
from stellwerk.serving.tensors import Array, Tensor


def is_bytes(value: Any) -> bool:
    """Says whether a JSON value is the object that stands for bytes."""
    return isinstance(value, Mapping) and set(value) == {"b64"}


def to_array(value: Any, tensor: Tensor) -> Array:
    """Turns nested lists of JSON values into the tensor's type; raises InputError for ragged lists and wrong types."""
    shape = _shape(value)
    flat: list[Any] = []
    _flatten(value, shape, flat, tensor)
    convert = _CONVERTERS[tensor.dtype.kind]
    try:
        values = [tensor.missing if item is None else convert(item, tensor) for item in flat]
        array = np.empty(len(values), dtype=tensor.dtype)
        array[:] = values
    except OverflowError as error:
        raise InputError(
            f"the input '{tensor.name}' takes {tensor.type_name}, and a number does not fit in it."
        ) from error
    return array.reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _flatten(value: Any, shape: tuple[int, ...], into: list[Any], tensor: Tensor) -> None:
    if not shape:
        if isinstance(value, list):
            raise InputError(_ragged(tensor))
        into.append(value)
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise InputError(_ragged(tensor))
    if len(shape) == 1 and not any(isinstance(item, list) for item in value):
        into.extend(value)
        return
    for item in value:
        _flatten(item, shape[1:], into, tensor)


def _ragged(tensor: Tensor) -> str:
    return f"the input '{tensor.name}' is ragged: its lists have different lengths or depths. Make them one rectangle."


def _wrong(value: Any, tensor: Tensor) -> InputError:
    return InputError(f"the input '{tensor.name}' takes {tensor.type_name}, and got {value!r:.80}.")


def _as_float(value: Any, tensor: Tensor) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, tensor)
    number = float(value)
    if math.isfinite(number) and abs(number) > float(np.finfo(tensor.dtype).max):
        raise _wrong(value, tensor)
    return number


def _as_int(value: Any, tensor: Tensor) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, tensor)
    return value


def _as_bool(value: Any, tensor: Tensor) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, tensor)
    return value


def _as_bytes(value: Any, tensor: Tensor) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not is_bytes(value) or not isinstance(value["b64"], str):
        raise _wrong(value, tensor)
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"the input '{tensor.name}' got a 'b64' value that is not base64: {value['b64']!r:.80}."
        ) from error


_CONVERTERS: dict[str, Callable[[Any, Tensor], Any]] = {
    "f": _as_float,
    "i": _as_int,
    "u": _as_int,
    "b": _as_bool,
    "O": _as_bytes,
}


def to_json(array: Array, name: str) -> Any:
    """Turns an output into JSON values; strings are base64 objects where the output's name ends with `_bytes`."""
    if array.dtype.kind in "OS":
        encode = _base64 if name.endswith("_bytes") else _text
        return _mapped(array.tolist(), encode)
    return array.tolist()


def _mapped(value: Any, encode: Callable[[bytes], Any]) -> Any:
    return [_mapped(item, encode) for item in value] if isinstance(value, list) else encode(value)


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
