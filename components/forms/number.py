"""A quantity: float32 [batch]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput
from stellwerk.components.forms.lists import flat

PACKED = "floats"


def shape(item: ModelInput) -> tuple[int, ...]:  # noqa: ARG001 - every form is asked alike
    """Returns the shape of one row."""
    return ()


def dtype(item: ModelInput) -> str:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the network's input."""
    return "float32"


def stored(item: ModelInput) -> pa.DataType:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the column in the transformed examples."""
    return pa.float32()


def read(column: pa.ChunkedArray, item: ModelInput) -> Array:  # noqa: ARG001 - every form is asked alike
    """Returns the values of a column, [rows, ...]."""
    return flat(column)


def width(item: ModelInput) -> int:  # noqa: ARG001 - every form is asked alike
    """Returns how many numbers a row has in what `encoded` gives."""
    return 1


def encoded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Returns all numbers side by side, as they are."""
    import keras  # noqa: PLC0415 - who stores a form need not load it

    return [keras.ops.stack([tensors[item.name] for item in items], axis=1)]
