"""Quantities that belong together: float32 [batch, width]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput
from stellwerk.components.forms.lists import listed, shaped

PACKED = "floats"


def shape(item: ModelInput) -> tuple[int, ...]:
    """Returns the shape of one row."""
    return (item.width,)


def dtype(item: ModelInput) -> str:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the network's input."""
    return "float32"


def stored(item: ModelInput) -> pa.DataType:
    """Returns the type of the column in the transformed examples."""
    return listed(pa.float32(), shape(item))


def read(column: pa.ChunkedArray, item: ModelInput) -> Array:
    """Returns the values of a column, [rows, ...]."""
    return shaped(column, shape(item))


def width(item: ModelInput) -> int:
    """Returns how many numbers a row has in what `encoded` gives."""
    return item.width


def encoded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
    """Returns each as it is."""
    return [tensors[item.name] for item in items]
