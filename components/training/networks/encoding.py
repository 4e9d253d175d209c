"""Inputs of every kind as float tensors that a network can take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from stellwerk.components.training.description import ModelInput
from stellwerk.components.training.networks.body import Inputs
from stellwerk.naming import safe

_ONE_HOT_PER_EMBEDDING = 2
"""A one-hot vector up to so many times as wide as the embedding is cheaper than a lookup, and loses nothing."""


def encoded(inputs: Inputs) -> Any:
    """Returns all inputs as one Keras tensor float32 [batch, n]: numbers as they are, ids and words as learned vectors."""
    parts = [*_floats(inputs), *_one_hot(inputs), *_embedded(inputs), *_words(inputs)]
    return _joined(parts, "features")


def encoded_width(described: Iterable[ModelInput]) -> int:
    """Returns how many numbers a row has in the tensor of `encoded`."""
    return sum(_width(item) for item in described)


def _width(item: ModelInput) -> int:
    if item.is_float:
        return item.width
    return item.size if _is_tiny(item) else item.embedding


WIDE_NUMBERS, WIDE_IDS, WIDE_WORDS = "wide_weights", "wide_ids", "wide_words"
"""Names of the layers of `linear`; those of words have the name of their input behind."""


def linear(inputs: Inputs, units: int, words: bool = False) -> Any:
    """Returns a Keras tensor [batch, units]: a linear model over numbers, vectors and ids, and of `words` too. It starts at 0."""
    parts = []
    if floats := _floats(inputs):
        parts.append(_dense(_joined(floats, "wide_numbers"), units))
    if ids := [item for item in inputs.described if item.kind == "id"]:
        rows, table = _stacked(inputs, ids)
        weights = keras.layers.Embedding(table, units, embeddings_initializer="zeros", name=WIDE_IDS)(rows)
        parts.append(keras.ops.sum(weights, axis=1))
    for item in (item for item in inputs.described if words and item.kind == "tokens"):
        ids, name = inputs.tensors[item.name], f"{WIDE_WORDS}_{safe(item.name)}"
        weights = keras.layers.Embedding(item.size, units, embeddings_initializer="zeros", name=name)(ids)
        parts.append(_sum_of_words(ids, weights))
    return keras.layers.Add(name="wide")(parts) if len(parts) > 1 else parts[0] if parts else None


def _dense(tensor: Any, units: int) -> Any:
    layer = keras.layers.Dense(units, use_bias=False, kernel_initializer="zeros", name=WIDE_NUMBERS)
    return layer(tensor)


def _floats(inputs: Inputs) -> list[Any]:
    numbers = [inputs.tensors[item.name] for item in inputs.described if item.kind == "number"]
    vectors = [inputs.tensors[item.name] for item in inputs.described if item.kind == "vector"]
    return [*([keras.ops.stack(numbers, axis=1)] if numbers else []), *vectors]


def _is_tiny(item: ModelInput) -> bool:
    return item.kind == "id" and item.size <= _ONE_HOT_PER_EMBEDDING * item.embedding


def _one_hot(inputs: Inputs) -> list[Any]:
    """Rows of a unit matrix: the ones of LiteRT's own one-hot operation are too large once it is quantised."""
    tiny = [item for item in inputs.described if _is_tiny(item)]
    return [keras.ops.take(np.eye(item.size, dtype=np.float32), inputs.tensors[item.name], axis=0) for item in tiny]


def _embedded(inputs: Inputs) -> list[Any]:
    """Features of the same embedding width share one table, each with rows of its own: one lookup instead of many."""
    by_width: dict[int, list[ModelInput]] = defaultdict(list)
    for item in inputs.described:
        if item.kind == "id" and not _is_tiny(item):
            by_width[item.embedding].append(item)
    parts = []
    for width, items in by_width.items():
        rows, table = _stacked(inputs, items)
        vectors = keras.layers.Embedding(table, width, name=f"embedding_{width}")(rows)
        parts.append(keras.layers.Reshape((width * len(items),))(vectors))
    return parts


def _stacked(inputs: Inputs, items: Sequence[ModelInput]) -> tuple[Any, int]:
    """Returns the row of each id in a table that holds all the features' rows one after the other, and its length."""
    ends = np.cumsum([item.size for item in items])
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int32)
    ids = keras.ops.stack([inputs.tensors[item.name] for item in items], axis=1)
    return ids - -starts, int(ends[-1])  # Keras would add a vector by BiasAdd, which LiteRT has for floats only


def _words(inputs: Inputs) -> list[Any]:
    parts = []
    for item in inputs.described:
        if item.kind == "tokens":
            ids = inputs.tensors[item.name]
            vectors = keras.layers.Embedding(item.size, item.embedding, name=f"words_{safe(item.name)}")(ids)
            parts.append(_mean_of_words(ids, vectors))
    return parts


def _mean_of_words(ids: Any, vectors: Any) -> Any:
    """Averages the vectors of the words and leaves padding out; a text without words gives zeros."""
    return _sum_of_words(ids, vectors) / keras.ops.maximum(keras.ops.sum(_real(ids), axis=1), 1.0)


def _sum_of_words(ids: Any, vectors: Any) -> Any:
    return keras.ops.sum(vectors * _real(ids), axis=1)


def _real(ids: Any) -> Any:
    """Returns 1 for every word and 0 for padding, [batch, words, 1]."""
    return keras.ops.cast(keras.ops.not_equal(ids, 0), "float32")[:, :, None]


def _joined(parts: list[Any], name: str) -> Any:
    return keras.layers.Concatenate(name=name)(parts) if len(parts) > 1 else parts[0]
