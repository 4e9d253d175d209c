"""Turns the messages of TensorFlow Serving's API into arrays and back, without a loop over values.

Protobuf hands out repeated numbers one Python object at a time. On the wire they are one run of bytes, so large ones are read
and written there: a message whose field 5 is `bytes` reads what a TensorProto wrote as `repeated float`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2, types_pb2

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.tensors import MOST_DIMENSIONS, Array

MAX_TENSOR_BYTES = 1 << 30
"""A tensor larger than this is refused: a few bytes of request can name any shape."""

_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
}
"""Where a TensorProto keeps the values of each type."""

_RUNS = {"float_val": 5, "double_val": 6, "bool_val": 11}
"""Fields whose values have a fixed size on the wire, the one that they have in an array."""

_DTYPES = {number: np.dtype(tf.as_dtype(number).as_numpy_dtype) for number in _FIELDS}

_FEW = 64
"""So few values are read faster one by one."""


def to_array(tensor: tensor_pb2.TensorProto) -> Array:
    """Returns the values of a TensorProto, strings as objects; raises INVALID_ARGUMENT where it is malformed.

    As in TensorFlow, a value that is given once, or too few of them, is repeated to fill the shape.
    """
    dtype = _DTYPES.get(tensor.dtype)
    if dtype is None:
        raise _malformed(f"the type {type_name(tensor.dtype)} is not supported")
    if tensor.tensor_shape.unknown_rank:
        raise _malformed("its shape is unknown")
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise _malformed(f"its shape {list(shape)} has a negative size")
    count = math.prod(shape)
    if count * dtype.itemsize > MAX_TENSOR_BYTES or len(shape) > MOST_DIMENSIONS:
        raise _malformed(f"its shape {list(shape)} is too large: {count} values of {type_name(tensor.dtype)}")
    if tensor.tensor_content and dtype.kind != "O":
        if len(tensor.tensor_content) != count * dtype.itemsize:
            raise _malformed(f"{len(tensor.tensor_content)} bytes of content do not fill the shape {list(shape)}")
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    return _filled(_values(tensor, dtype), count, dtype).reshape(shape)


def from_array(array: Array, dtype: int, target: tensor_pb2.TensorProto) -> None:
    """Writes an array into `target` as TensorFlow Serving answers: in the typed field, which is what clients read."""
    field = _FIELDS.get(dtype)
    if field is None:
        raise ServingError(Code.UNIMPLEMENTED, f"The output type {type_name(dtype)} cannot be sent.")
    target.dtype = dtype
    for size in array.shape:
        target.tensor_shape.dim.add(size=size)
    if field in _RUNS and array.size > _FEW:
        run = np.ascontiguousarray(array, _DTYPES[dtype].newbyteorder("<")).tobytes()
        target.MergeFromString(varint(_RUNS[field] << 3 | 2) + varint(len(run)) + run)
    elif field == "half_val":
        getattr(target, field).extend(array.ravel().view(np.uint16).tolist())
    else:
        getattr(target, field).extend(array.ravel().tolist())


def to_examples(message: Any) -> list[bytes]:
    """Returns the serialised tf.Examples of a `tensorflow.serving.Input`; raises INVALID_ARGUMENT without any."""
    serialized = _SERIALIZED_INPUT.FromString(message.SerializeToString())
    shared: bytes = serialized.example_list_with_context.context
    examples = serialized.example_list.examples or serialized.example_list_with_context.examples
    if not examples:
        raise ServingError(Code.INVALID_ARGUMENT, "Input is empty.")
    return [shared + example for example in examples] if shared else list(examples)


def type_name(dtype: int) -> str:
    """Returns TensorFlow's name of a type, `float` for DT_FLOAT, or the number where there is none."""
    try:
        name: str = types_pb2.DataType.Name(dtype)
    except ValueError:
        return str(dtype)
    return name.removeprefix("DT_").lower()


def _values(tensor: tensor_pb2.TensorProto, dtype: np.dtype[Any]) -> Array:
    name = _FIELDS[tensor.dtype]
    field = getattr(tensor, name)
    if name == "string_val":
        texts: Array = np.empty(len(field), object)
        texts[:] = list(field)
        return texts
    if name in _RUNS and len(field) > _FEW:
        run = getattr(_PACKED_TENSOR.FromString(tensor.SerializeToString()), name)
        return np.frombuffer(run, dtype.newbyteorder("<")).astype(dtype, copy=False)
    if name == "half_val":
        return np.fromiter(field, np.int32, len(field)).astype(np.uint16).view(dtype)
    wide = np.int64 if name == "int_val" else dtype
    return np.fromiter(field, wide, len(field)).astype(dtype, copy=False)


def _filled(values: Array, count: int, dtype: np.dtype[Any]) -> Array:
    if len(values) == count:
        return values
    if len(values) > count:
        raise _malformed(f"{len(values)} values do not fit a shape of {count}")
    filled = np.empty(count, dtype)
    filled[: len(values)] = values
    filled[len(values) :] = values[-1] if len(values) else b"" if dtype.kind == "O" else dtype.type(0)
    return filled


def _malformed(reason: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, f"Tensor proto cannot be read: {reason}.")


def varint(number: int) -> bytes:
    """Returns a number of at least 0 as protobuf writes it: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _message(pool: descriptor_pool.DescriptorPool, name: str, fields: dict[str, tuple[int, bool, str]]) -> Any:
    """Makes a message: by field name its number, whether it is repeated, and its message type (bytes without one)."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="stellwerk", syntax="proto3")
    message = file.message_type.add(name=name)
    kinds = descriptor_pb2.FieldDescriptorProto
    for field, (number, repeated, kind) in fields.items():
        label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
        added = message.field.add(name=field, number=number, label=label, type=kinds.TYPE_BYTES)
        if kind:
            added.type, added.type_name = kinds.TYPE_MESSAGE, f".stellwerk.{kind}"
            file.dependency.append(f"{kind}.proto")
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"stellwerk.{name}"))


_POOL = descriptor_pool.DescriptorPool()
_PACKED_TENSOR = _message(_POOL, "PackedTensor", {name: (number, False, "") for name, number in _RUNS.items()})
_message(_POOL, "Examples", {"examples": (1, True, ""), "context": (2, False, "")})
_SERIALIZED_INPUT = _message(
    _POOL, "Input", {"example_list": (1, False, "Examples"), "example_list_with_context": (2, False, "Examples")}
)
