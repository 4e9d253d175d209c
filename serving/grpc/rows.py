"""Predict requests of one row, read and answered many at a time.

Nearly all requests of a model in use have the same form: one row, the inputs of the signature, each value written where its
type is written. Their bytes differ in the values and the lengths of texts alone. So the bytes around the values are made once
and compared; what is between them is put together to the columns of a batch. A request of any other form is `Unlike`, and is
read as every protobuf message is. Equal bytes around each value are what keeps the rows of two callers apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

from stellwerk.serving.loading import Signature
from stellwerk.serving.protos import from_array, varint
from stellwerk.serving.tensors import Array, Tensor

_CONTENT = 4
_FIXED = {types_pb2.DT_FLOAT: 5, types_pb2.DT_DOUBLE: 6}
_WHOLE = {types_pb2.DT_INT64: 10, types_pb2.DT_INT32: 7}
_TEXT = 8
"""Fields of a TensorProto: for values of a fixed size, whole numbers, and texts."""

_MOST_LENGTHS = 4096


class Unlike(Exception):
    """A request has another form."""


def _bare_request() -> Any:
    """Makes a PredictRequest whose parts are left as bytes: one part of a message is one Python object then."""
    file = descriptor_pb2.FileDescriptorProto(name="bare_predict.proto", package="stellwerk", syntax="proto3")
    message = file.message_type.add(name="BarePredict")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, label) in enumerate(
        (
            ("model_spec", kinds.LABEL_OPTIONAL),
            ("inputs", kinds.LABEL_REPEATED),
            ("output_filter", kinds.LABEL_REPEATED),
        ),
        1,
    ):
        message.field.add(name=name, number=number, label=label, type=kinds.TYPE_BYTES)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("stellwerk.BarePredict"))


BARE_REQUEST = _bare_request()
"""PredictRequest with `model_spec`, `inputs` (entries of the map) and `output_filter` as bytes."""


class _Around(dict[int, bytes]):
    """The bytes of an entry before its value, by the length of the entry; none where no entry has this length."""

    def __init__(self, key: bytes, tensor: bytes, field: int) -> None:
        super().__init__()
        self._key = b"\x0a" + varint(len(key)) + key + b"\x12"
        self._tensor = tensor + varint(field << 3 | 2)

    def __missing__(self, length: int) -> bytes:
        found = self._made(length)
        if len(self) < _MOST_LENGTHS:
            self[length] = found
        return found

    def _made(self, length: int) -> bytes:
        rest = length - len(self._key) - len(self._tensor)
        for bytes_of_lengths in range(2, 12):
            size = rest - bytes_of_lengths
            if size < 0:
                break
            inner = self._tensor + varint(size)
            around = self._key + varint(len(inner) + size) + inner
            if len(around) + size == length:
                return around
        return b""


class _Column:
    """How one input is read from the entries of many requests."""

    def __init__(self, tensor: Tensor, dtype: int) -> None:
        if tensor.shape is None or not tensor.shape or None in tensor.shape[1:]:
            raise Unlike
        sizes = [int(size) for size in tensor.shape[1:] if size is not None]
        shape = tensor_shape_pb2.TensorShapeProto(dim=[{"size": size} for size in (1, *sizes)]).SerializeToString()
        head = b"\x08" + varint(dtype) + b"\x12" + varint(len(shape)) + shape
        key, count = tensor.name.encode(), math.prod(sizes)
        self.name, self._shape, self._dtype = tensor.name, (-1, *sizes), tensor.dtype
        self._size = count * tensor.dtype.itemsize
        self._forms: list[tuple[_Around, Callable[[list[bytes]], Array]]] = []
        if dtype in _FIXED and count:
            self._forms.append((_Around(key, head, _FIXED[dtype]), self._numbers))
        if dtype in _WHOLE and count == 1:
            self._forms.append((_Around(key, head, _WHOLE[dtype]), self._whole))
        if dtype == types_pb2.DT_STRING and count == 1:
            self._forms.append((_Around(key, head, _TEXT), self._texts))
        elif dtype in (*_FIXED, *_WHOLE) and count:
            self._forms.append((_Around(key, head, _CONTENT), self._numbers))
        if not self._forms:
            raise Unlike

    def read(self, entries: Sequence[bytes]) -> Array:
        """Returns the values of all requests below each other; raises Unlike unless each has exactly its own row."""
        lengths = list(map(len, entries))
        for around, read in self._forms:
            before = [around[length] for length in lengths]
            values = list(map(bytes.removeprefix, entries, before))
            taken = sum(map(len, before))
            if all(before) and sum(map(len, values)) + taken == sum(lengths):  # each began with what stands before it
                return read(values).reshape(self._shape)
        raise Unlike

    def _numbers(self, values: list[bytes]) -> Array:
        if set(map(len, values)) != {self._size}:
            raise Unlike
        return np.frombuffer(b"".join(values), self._dtype)

    def _texts(self, values: list[bytes]) -> Array:
        texts: Array = np.empty(len(values), object)
        texts[:] = values
        return texts

    def _whole(self, values: list[bytes]) -> Array:
        return np.array([_number(value) for value in values], np.int64).astype(self._dtype)


class RowForm:
    """The form of requests of one row to a signature, and of their answers. Raises Unlike for a signature without one."""

    def __init__(self, signature: Signature, wanted: Sequence[str], spec: bytes) -> None:
        """`wanted` names the outputs; `spec` is the ModelSpec of the answers."""
        kinds = signature.definition.inputs
        columns = [_Column(tensor, kinds[name].dtype) for name, tensor in signature.inputs.items()]
        self.signature = signature
        self._columns = sorted(columns, key=lambda column: (len(column.name.encode()), column.name.encode()))
        self._wanted = wanted
        self._tail = b"\x12" + varint(len(spec)) + spec
        self._heads: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def columns(self, requests: Sequence[Any]) -> dict[str, Array]:
        """Returns the arrays of bare requests, a row each; raises Unlike where one has another form."""
        entries = [sorted(request.inputs) for request in requests]  # by length and bytes of the name
        if set(map(len, entries)) != {len(self._columns)}:
            raise Unlike
        together = zip(*entries, strict=True)
        return {column.name: column.read(one) for column, one in zip(self._columns, together, strict=True)}

    def answers(self, outputs: Mapping[str, Array], rows: int) -> list[bytes]:
        """Returns the answer to each request."""
        parts = [self._parts(name, outputs[name], rows) for name in self._wanted]
        if len(parts) == 1:
            return [part + self._tail for part in parts[0]]
        return [b"".join((*every, self._tail)) for every in zip(*parts, strict=True)]

    def _parts(self, name: str, array: Array, rows: int) -> list[bytes]:
        """Returns the entry of one output in each answer."""
        dtype = self.signature.definition.outputs[name].dtype
        if dtype not in _FIXED or not array.size:
            return [_entry(name, array[row : row + 1], dtype) for row in range(rows)]
        size = array.nbytes // rows
        values = np.ascontiguousarray(array).tobytes()
        key = (name, array.shape[1:])
        head = self._heads.get(key)
        if head is None:
            head = _entry(name, array[:1], dtype)[:-size]
            if len(self._heads) < _MOST_LENGTHS:
                self._heads[key] = head
        return [head + values[start : start + size] for start in range(0, rows * size, size)]


def _entry(name: str, array: Array, dtype: int) -> bytes:
    response = predict_pb2.PredictResponse()
    from_array(array, dtype, response.outputs[name])
    entry: bytes = response.SerializeToString()
    return entry


def _number(value: bytes) -> int:
    """Reads the only varint that these bytes are; raises Unlike where they are none or several."""
    if len(value) == 1 and value[0] < 0x80:
        return value[0]
    if not 1 <= len(value) <= 10 or value[-1] >= 0x80 or min(value[:-1]) < 0x80:
        raise Unlike
    number = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(value)) & 0xFFFF_FFFF_FFFF_FFFF
    return number - (1 << 64) if number >> 63 else number
