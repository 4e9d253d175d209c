"""What one value, a row and a column of a signature look like as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stellwerk.serving.tensors import Tensor

Json = dict[str, Any]

_BYTES = {
    "type": "object",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64", "pattern": "^([A-Za-z0-9+/]{4}){0,64}$"}},
    "required": ["b64"],
    "additionalProperties": False,
}


def scalar(kind: str, dtype: np.dtype[Any] | None = None) -> Json:
    """Returns the schema of a single value of a numpy kind, within the range of the type where one is given."""
    if kind == "O":
        return {"anyOf": [{"type": "string"}, _BYTES]}
    if kind == "b":
        return {"type": "boolean"}
    if kind in "iu":
        limits = np.iinfo(dtype if dtype is not None else np.int64)
        return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}
    most = float(np.finfo(dtype if dtype is not None else np.float32).max)
    return {"type": "number", "minimum": -most, "maximum": most}


def nested(schema: Json, depth: int) -> Json:
    """Returns the schema of lists within lists, `depth` deep, with at least one item each."""
    for _ in range(depth):
        schema = {"type": "array", "items": schema, "minItems": 1}
    return schema


def rows(inputs: Mapping[str, Tensor]) -> Json | None:
    """Returns the schema of `instances`: an object a row, or its value where there is one input; None where there are no rows."""
    if any(tensor.shape == () for tensor in inputs.values()):
        return None
    values = {name: _value(tensor, 1) for name, tensor in inputs.items()}
    row = _named(values)
    if len(values) == 1:
        row = {"anyOf": [row, next(iter(values.values()))]}
    return nested(row, 1)


def columns(inputs: Mapping[str, Tensor]) -> Json:
    """Returns the schema of `inputs`: each a tensor by name. All have as many rows as each other, which no schema can say."""
    return _named({name: _value(tensor, 0) for name, tensor in inputs.items()})


def _named(values: Mapping[str, Json]) -> Json:
    return {"type": "object", "properties": dict(values), "required": list(values), "additionalProperties": False}


def _value(tensor: Tensor, skip: int) -> Json:
    """Returns the schema of a tensor without its first `skip` dimensions; anything where its rank is not known."""
    if tensor.shape is None:
        return {}
    schema = scalar(tensor.dtype.kind, tensor.dtype)
    for size in reversed(tensor.shape[skip:]):
        schema = {"type": "array", "items": schema, "minItems": size or 1}
        if size is not None:
            schema["maxItems"] = size
    return schema
