"""What features give the model: a tensor and its line in `features.json`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import tensorflow as tf

from stellwerk.errors import StepFailed

_WIDEST_EMBEDDING = 64


@dataclass(frozen=True)
class Output:
    """One input of the model: a tensor whose first dimension is the batch, and what it is."""

    name: str
    tensor: tf.Tensor
    description: dict[str, Any]


_COLUMNS: dict[str, Callable[[Mapping[str, Any]], pa.DataType]] = {
    "number": lambda _: pa.float32(),
    "vector": lambda vector: pa.list_(pa.float32(), vector["width"]),
    "id": lambda _: pa.int64(),
    "tokens": lambda tokens: pa.list_(pa.int64(), tokens["length"]),
}
"""What a column of each form is in the transformed examples, by its line in `features.json`."""


def column_type(description: Mapping[str, Any]) -> pa.DataType:
    """Returns the Arrow type of an output's column in the transformed examples, from its line in `features.json`.

    Raises StepFailed for a form that is not known.
    """
    form = description["kind"]
    if form not in _COLUMNS:
        raise StepFailed(
            f"features.{description['feature']}: makes '{description['name']}' of the form '{form}', and there is none of that name. "
            f"Known: {', '.join(_COLUMNS)}."
        )
    return _COLUMNS[form](description)


def number(name: str, feature: str, tensor: tf.Tensor) -> Output:
    """A float32 [batch]."""
    return Output(name, tf.cast(tensor, tf.float32), {"name": name, "feature": feature, "kind": "number", "width": 1})


def vector(name: str, feature: str, tensor: tf.Tensor, width: int) -> Output:
    """A float32 [batch, width]."""
    tensor = tf.ensure_shape(tf.cast(tensor, tf.float32), [None, width])
    return Output(name, tensor, {"name": name, "feature": feature, "kind": "vector", "width": width})


def ids(
    name: str, feature: str, tensor: tf.Tensor, size: int, *, embedding: int | None = None, cross: bool = False
) -> Output:
    """An int64 [batch] with 0 <= id < size; `embedding` is the width of the learned vector, by default from `size`."""
    description = {
        "name": name,
        "feature": feature,
        "kind": "id",
        "size": size,
        "embedding": embedding or min(math.ceil(2 * size**0.25), _WIDEST_EMBEDDING),
        "cross": cross,
    }
    return Output(name, tf.cast(tensor, tf.int64), description)


def tokens(name: str, feature: str, tensor: tf.Tensor, *, size: int, length: int, embedding: int) -> Output:
    """An int64 [batch, length] of word ids; 0 is padding."""
    description = {
        "name": name,
        "feature": feature,
        "kind": "tokens",
        "size": size,
        "length": length,
        "embedding": embedding,
    }
    return Output(name, tf.ensure_shape(tf.cast(tensor, tf.int64), [None, length]), description)
