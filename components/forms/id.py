"""One of so many things: int32 [batch], from 0 to one less than `size`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput
from stellwerk.components.forms.lists import flat

PACKED = "ids"

ONE_HOT_PER_EMBEDDING = 2
"""A one-hot vector up to so many times as wide as the embedding is cheaper than a lookup, and loses nothing."""


def shape(item: ModelInput) -> tuple[int, ...]:  # noqa: ARG001 - every form is asked alike
    """Returns the shape of one row."""
    return ()


def dtype(item: ModelInput) -> str:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the network's input."""
    return "int32"


def stored(item: ModelInput) -> pa.DataType:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the column in the transformed examples."""
    return pa.int64()


def read(column: pa.ChunkedArray, item: ModelInput) -> Array:  # noqa: ARG001 - every form is asked alike
    """Returns the values of a column, [rows, ...]."""
    return flat(column)


def width(item: ModelInput) -> int:
    """Returns how many numbers a row has in what `encoded` gives."""
    return item.size if _is_tiny(item) else item.embedding


def encoded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Returns those of few ids as a one for the id and zeros for the others, then the learned vectors of the rest."""
    tiny = [item for item in items if _is_tiny(item)]
    return [*_one_hot(tiny, tensors), *_embedded([item for item in items if not _is_tiny(item)], tensors)]


def _is_tiny(item: ModelInput) -> bool:
    return item.size <= ONE_HOT_PER_EMBEDDING * item.embedding


def _one_hot(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Rows of a unit matrix: the ones of LiteRT's own one-hot operation are too large once it is quantised."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    return [keras.ops.take(np.eye(item.size, dtype=np.float32), tensors[item.name], axis=0) for item in items]


def _embedded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Features of the same embedding width share one table, each with rows of its own: one lookup instead of many."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    by_width: dict[int, list[ModelInput]] = defaultdict(list)
    for item in items:
        by_width[item.embedding].append(item)
    parts = []
    for wide, alike in by_width.items():
        rows, table = stacked(alike, tensors)
        vectors = keras.layers.Embedding(table, wide, name=f"embedding_{wide}")(rows)
        parts.append(keras.layers.Reshape((wide * len(alike),))(vectors))
    return parts


def stacked(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> tuple[Any, int]:
    """Returns the row of each id in a table that holds all the features' rows one after the other, and its length."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    ends = np.cumsum([item.size for item in items])
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int32)
    ids = keras.ops.stack([tensors[item.name] for item in items], axis=1)
    return ids - -starts, int(ends[-1])  # Keras would add a vector by BiasAdd, which LiteRT has for floats only
