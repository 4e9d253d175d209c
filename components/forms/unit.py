"""What the values of a row were scaled by: float32 [batch, channels, 2], an offset and a factor. The network does not look at it.

A task whose answers are on the scale of a row brings them back by it, so that the served model answers in the unit of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stellwerk.components.forms.base import Array, ModelInput
from stellwerk.components.forms.lists import listed, shaped

PACKED = None


def shape(item: ModelInput) -> tuple[int, ...]:
    """Returns the shape of one row."""
    return (len(item.facts["unit_of"]), 2)


def dtype(item: ModelInput) -> str:  # noqa: ARG001 - every form is asked alike
    """Returns the type of the network's input."""
    return "float32"


def stored(item: ModelInput) -> pa.DataType:
    """Returns the type of the column in the transformed examples."""
    return listed(pa.float32(), shape(item))


def read(column: pa.ChunkedArray, item: ModelInput) -> Array:
    """Returns the values of a column, [rows, ...]."""
    return shaped(column, shape(item))


def width(item: ModelInput) -> int:  # noqa: ARG001 - every form is asked alike
    """Returns how many numbers a row has in what `encoded` gives."""
    return 0


def encoded(items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:  # noqa: ARG001 - every form is asked alike
    """Returns nothing: offsets and factors are no features."""
    return []
