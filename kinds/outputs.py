"""What features give the model: a tensor and its line in `features.json`."""

from __future__ import annotations

import math
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
    """A tensor of a fixed shape [batch, ...]: float32, int64 or uint8. TFT knows no uint8, so in the graph it is int64."""
    shape = values.shape.as_list()[1:]
    values = tf.cast(values, tf.float32 if dtype == "float32" else tf.int64)
    return Output(name, values, {"name": name, "feature": feature, "kind": "tensor", "dtype": dtype, "shape": shape})
