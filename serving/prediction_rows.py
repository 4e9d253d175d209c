"""Requests and answers as rows of a table: inputs under their own names, all else under names that begin with `_`.

    _time (of the answer), _request, _model, _version, _signature; <input>; _output_<output>

Missing values of inputs are null again. Inputs that are serialised tf.Examples become the columns that they hold, so that
personal ones can be left out by name.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError
from tensorflow.core.example import example_pb2

from stellwerk.columns import COLUMN_TYPES, missing_of
from stellwerk.serving.tensors import Array

_EXAMPLES = ("examples", "inputs")


@dataclass(frozen=True)
class Entry:
    """One answered request."""

    model: str
    version: int
    signature: str
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    at: float = field(default_factory=time.time)
    request: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def size(self) -> int:
        """Roughly the bytes that it holds in memory."""
        return sum(_size(array) for arrays in (self.inputs, self.outputs) for array in arrays.values()) + 1024

    @property
    def form(self) -> tuple[object, ...]:
        """Requests of the same form go into the same file."""
        arrays = [*self.inputs.items(), *self.outputs.items()]
        shapes = tuple((name, array.dtype.str, array.shape[1:], array.ndim) for name, array in arrays)
        return (self.model, self.version, self.signature, shapes)


def _size(array: Array) -> int:
    if array.dtype.kind != "O":
        return int(array.nbytes)
    return int(array.nbytes) + sum(map(len, array.reshape(-1).tolist()))


def as_table(entries: Sequence[Entry], drop: Collection[str]) -> pa.Table:
    """Returns the rows of requests of the same form, without the columns in `drop`."""
    first = entries[0]
    rows = np.array([_rows(entry.inputs) for entry in entries])
    total = int(rows.sum())
    micros = np.array([int(entry.at * 1e6) for entry in entries], np.int64)
    columns: dict[str, pa.Array] = {
        "_time": pa.array(np.repeat(micros, rows)).cast(pa.timestamp("us", "UTC")),
        "_request": pa.array(np.repeat(np.array([entry.request for entry in entries], object), rows), pa.string()),
        "_model": pa.array([first.model] * total, pa.string()),
        "_version": pa.array(np.full(total, first.version, np.int64)),
        "_signature": pa.array([first.signature] * total, pa.string()),
    }
    inputs = _joined([entry.inputs for entry in entries], total)
    for name, array in inputs.items():
        if name not in drop:
            columns.update(_example_columns(array, drop) if _holds_examples(inputs) else {name: _column(array, True)})
    for name, array in _joined([entry.outputs for entry in entries], total).items():
        if name not in drop:
            columns[f"_output_{name}"] = _column(array, False)
    return pa.table(columns)


def _rows(inputs: Mapping[str, Array]) -> int:
    return max((len(array) for array in inputs.values() if array.ndim), default=0)


def _joined(requests: Sequence[Mapping[str, Array]], rows: int) -> dict[str, Array]:
    """Puts the arrays of several requests together; what is not one value for each row is left out."""
    joined = {
        name: np.concatenate([one[name] for one in requests]) for name, array in requests[0].items() if array.ndim
    }
    return {name: array for name, array in joined.items() if len(array) == rows}


def _column(array: Array, is_input: bool) -> pa.Array:
    flat = array.reshape(-1)
    width = array.size // len(array) if len(array) else 1
    if array.dtype.kind in "OS":
        values = pa.array(
            [_text(value) for value in flat.tolist()],
            pa.string(),
            mask=flat == COLUMN_TYPES["string"].missing if is_input else None,
        )
    elif array.dtype.kind in "fi" and is_input:
        missing = np.isnan(flat) if array.dtype.kind == "f" else flat == missing_of(array.dtype)
        values = pa.array(flat, mask=missing)
    else:
        values = pa.array(flat)
    if array.ndim == 1 or width == 1:
        return values
    offsets = np.arange(0, flat.size + 1, width, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _holds_examples(inputs: Mapping[str, Array]) -> bool:
    return len(inputs) == 1 and next(iter(inputs)) in _EXAMPLES and next(iter(inputs.values())).dtype.kind in "OS"


def _example_columns(array: Array, drop: Collection[str]) -> dict[str, pa.Array]:
    """Returns the features of serialised tf.Examples as columns; none where they are something else."""
    columns: dict[str, list[Any]] = {}
    for number, serialized in enumerate(array.reshape(-1).tolist()):
        try:
            features = example_pb2.Example.FromString(serialized).features.feature
        except DecodeError:
            return {}
        for name in features:
            if name not in drop:
                column = columns.setdefault(name, [])
                column.extend([None] * (number - len(column)))
                column.append(_values(features[name]))
    return {name: _feature_column(column + [None] * (len(array) - len(column))) for name, column in columns.items()}


def _values(feature: Any) -> list[Any] | None:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return [_text(value) for value in values] if kind == "bytes_list" else values or None


def _feature_column(values: list[Any]) -> pa.Array:
    flat = [item for value in values if value for item in value]
    kinds = set(map(type, flat))
    kind = pa.string() if str in kinds else pa.float32() if float in kinds else pa.int64()
    convert = str if str in kinds else float if float in kinds else int
    if any(value and len(value) > 1 for value in values):
        return pa.array([value and [convert(item) for item in value] for value in values], pa.list_(kind))
    return pa.array([convert(value[0]) if value else None for value in values], kind)
