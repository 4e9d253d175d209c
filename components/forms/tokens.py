"""Words of a text, by number: int32 [batch, length]; 0 is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput
from stellwerk.components.forms.lists import listed, shaped
from stellwerk.naming import safe

PACKED = "ids"


def shape(item: ModelInput) -> tuple[int, ...]:
    """Returns the shape of one row."""
    return (item.width,)


def dtype(item: ModelInput) -> str:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the network's input."""
    return "int32"


def stored(item: ModelInput) -> pa.DataType:
    """Returns the type of the column in the transformed examples."""
    return listed(pa.int64(), shape(item))


def read(column: pa.ChunkedArray, item: ModelInput) -> Array:
    """Returns the values of a column, [rows, ...]."""
    return shaped(column, shape(item))


def width(item: ModelInput) -> int:
    """Returns how many numbers a row has in what `encoded` gives."""
    return item.embedding


def encoded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Returns the mean of the learned vectors of the words; padding is left out, and a text without words gives zeros."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    parts = []
    for item in items:
        ids = tensors[item.name]
        vectors = keras.layers.Embedding(item.size, item.embedding, name=f"words_{safe(item.name)}")(ids)
        parts.append(sum_of_words(ids, vectors) / keras.ops.maximum(keras.ops.sum(_real(ids), axis=1), 1.0))
    return parts


def sum_of_words(ids: Any, vectors: Any) -> Any:
    """Returns the sum of the vectors of the words, padding left out."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    return keras.ops.sum(vectors * _real(ids), axis=1)


def _real(ids: Any) -> Any:
    """Returns 1 for every word and 0 for padding, [batch, words, 1]."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    return keras.ops.cast(keras.ops.not_equal(ids, 0), "float32")[:, :, None]
