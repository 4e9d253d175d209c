"""What features give the model: a tensor and its line in `features.json`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

_WIDEST_EMBEDDING = 64


@dataclass(frozen=True)
class Output:
    """One input of the model: a tensor whose first dimension is the batch, and what it is."""

    name: str
    tensor: tf.Tensor
    description: dict[str, Any]


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


def tensor(name: str, feature: str, values: tf.Tensor, dtype: str) -> Output:
    """A tensor of a fixed shape [batch, ...]: float32, int64 or uint8. TFT knows no uint8: in the graph eight of them are an int64."""
    shape = values.shape.as_list()[1:]
    description = {"name": name, "feature": feature, "kind": "tensor", "dtype": dtype, "shape": shape}
    if dtype == "uint8":
        return Output(name, eights(tf.cast(values, tf.uint8)), description)
    return Output(name, tf.cast(values, tf.float32 if dtype == "float32" else tf.int64), description)


_EIGHT = 8
"""Bytes of an int64."""


def eights(values: tf.Tensor) -> tf.Tensor:
    """Returns uint8 [batch, ...] as int64 [batch, n]: the same bytes, with zeros behind those of a row; nothing is converted."""
    width = math.prod(values.shape.as_list()[1:])
    rows, over = tf.reshape(values, [-1, width]), -width % _EIGHT
    rows = tf.pad(rows, [[0, 0], [0, over]]) if over else rows
    return tf.bitcast(tf.reshape(rows, [-1, (width + over) // _EIGHT, _EIGHT]), tf.int64)


def bytes_of_eights(values: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Returns the uint8 [batch, *shape] that `eights` was given."""
    width = math.prod(shape)
    rows = tf.reshape(tf.bitcast(values, tf.uint8), [-1, width + -width % _EIGHT])
    return tf.reshape(rows[:, :width] if width % _EIGHT else rows, [-1, *shape])


def unit(name: str, feature: str, values: tf.Tensor, columns: Sequence[str]) -> Output:
    """A float32 [batch, columns, 2]: what was taken from the values of each column in a row, and by what the rest was divided."""
    values = tf.ensure_shape(tf.cast(values, tf.float32), [None, len(columns), 2])
    return Output(name, values, {"name": name, "feature": feature, "kind": "unit", "unit_of": list(columns)})
