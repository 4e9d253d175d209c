"""Numbers in a fixed shape: float32, int64 or uint8 [batch, ...], an array of its own all the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput
from stellwerk.components.forms.lists import listed, shaped
from stellwerk.errors import StepFailed

PACKED = None

TYPES = ("float32", "int64", "uint8")
"""What Arrow, NumPy and TensorFlow all call so."""


def shape(item: ModelInput) -> tuple[int, ...]:
    """Returns the shape of one row."""
    return tuple(item.facts["shape"])


def dtype(item: ModelInput) -> str:
    """Returns the type of the network's input."""
    return known_type(str(item.facts["dtype"]), item.name)


def stored(item: ModelInput) -> pa.DataType:
    """Returns the type of the column in the transformed examples."""
    return listed(pa.type_for_alias(dtype(item)), shape(item))


def from_graph(values: Any, item: ModelInput) -> Any:
    """Returns [batch, ...] of what TFT's graph gives: there eight numbers of uint8 are one int64."""
    if dtype(item) != "uint8":
        return values
    from stellwerk.kinds.outputs import bytes_of_eights  # noqa: PLC0415 - who stores a form need not load TensorFlow

    return bytes_of_eights(values, shape(item))


def read(column: pa.ChunkedArray, item: ModelInput) -> Array:
    """Returns the values of a column, [rows, ...]."""
    return shaped(column, shape(item))


def width(item: ModelInput) -> int:
    """Returns how many numbers a row has in what `encoded` gives."""
    return math.prod(shape(item))


def encoded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Returns the values of each in a row: those of uint8 as shares of 255, all others as they are."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    parts = []
    for item in items:
        values = keras.ops.cast(tensors[item.name], "float32")
        values = values / 255.0 if dtype(item) == "uint8" else values
        parts.append(keras.ops.reshape(values, (-1, width(item))))
    return parts


def known_type(name: str, item: str) -> str:
    """Returns a type that tensors may have. Raises StepFailed for another."""
    if name not in TYPES:
        raise StepFailed(
            f"The model's input '{item}' is a tensor of {name}. Known: {', '.join(TYPES)}. Cast it in its feature."
        )
    return name
