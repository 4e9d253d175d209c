"""What a signature takes and gives, and how the columns of Examples become that; missing values look as `stellwerk.columns` has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import COLUMN_TYPES, missing_of
from stellwerk.errors import DataError
from stellwerk.serving.readings import number
from stellwerk.tables.lists import is_list, matrix

MOST_DIMENSIONS = 32
"""More dimensions are refused: it is what every numpy takes."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tensor:
    """A named input or output of a signature; `shape` has None where any size fits, and is None for any rank."""

    name: str
    type_name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    graph_name: str = ""

    @property
    def missing(self) -> Any:
        """The value that stands for a missing one."""
        return missing_of(self.dtype)


def as_input(tensor: Tensor, values: Array) -> Array:
    """Returns `values` in the tensor's own type and shape; raises ValueError with a sentence where they do not fit."""
    array = _numbers(np.asarray(values), tensor)
    kinds = {"f": "fiu", "i": "iu", "u": "iu", "b": "b", "O": "OSU"}.get(tensor.dtype.kind, tensor.dtype.kind)
    if array.dtype.kind not in kinds and array.size:
        raise ValueError(f"the input '{tensor.name}' takes {tensor.type_name}, and got {array.dtype.name}.")
    if array.dtype != tensor.dtype:
        array = array.astype(tensor.dtype)
    if tensor.shape is not None and not _fits(array.shape, tensor.shape):
        raise ValueError(
            f"the input '{tensor.name}' takes the shape {_shape_text(tensor.shape)}, and got {_shape_text(array.shape)}."
        )
    return array


def as_number(tensor: Tensor, array: Array) -> Array | None:
    """Returns numbers of another type, truth values or texts of moments as the tensor takes numbers; None where it cannot."""
    made = _numbers(array, tensor)
    return (
        made.astype(tensor.dtype)
        if tensor.dtype.kind in "fiu"
        and made.dtype.kind in "fiu"
        and (made.dtype.kind != "f" or tensor.dtype.kind == "f")
        else None
    )


def _numbers(array: Array, tensor: Tensor) -> Array:
    """Makes numbers of truth values, whole floats and texts of moments, where the tensor takes numbers; else nothing."""
    kind, given = tensor.dtype.kind, array.dtype.kind
    if kind not in "fiu" or given in "iu" or (given == "f" and kind == "f"):
        return array
    if given == "b":
        return array.astype(np.int64)
    if given == "f":
        finite = np.isfinite(array)
        if not (np.isnan(array) | (finite & (array == np.trunc(array)))).all():
            return array
        whole: Array = np.where(finite, np.where(finite, array, 0).astype(np.int64), int(tensor.missing))
        return whole
    made = [number(item, whole=kind != "f") for item in array.reshape(-1).tolist()]
    known = all(isinstance(item, int) for item in made)
    return np.array(made, np.int64).reshape(array.shape) if known else array


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(w is None or w == s for s, w in zip(shape, wanted, strict=True))


def _shape_text(shape: Iterable[int | None]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"


def inputs_from_batch(batch: pa.RecordBatch, tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Turns columns of Examples into the arrays a signature takes, [batch] or of lists [batch, length]; nulls become missing values.

    Raises DataError for a column that the examples lack or whose type the input cannot take.
    """
    lacking = [name for name in tensors if name not in batch.schema.names]
    if lacking:
        raise DataError(
            f"the model takes the columns {', '.join(map(repr, lacking))}, which the examples do not have. "
            f"They have: {', '.join(batch.schema.names)}."
        )
    return {name: column_values(batch.column(name), tensor) for name, tensor in tensors.items()}


def column_values(column: pa.Array, tensor: Tensor) -> Array:
    """Turns one column into the array of an input: vectorised, without a copy where there is no null."""
    length = tensor.shape[1] if tensor.shape is not None and len(tensor.shape) == 2 else None
    if is_list(column.type) != (length not in (None, 1)) or (is_list(column.type) and column.type.list_size != length):
        raise DataError(
            f"column '{tensor.name}' holds {_in_words(column.type)}, but the model takes {_taken(tensor)} in each row. "
            "Give the model rows as those that it was trained on."
        )
    if is_list(column.type):
        return matrix(column).astype(tensor.dtype, copy=False)
    is_text = pa.types.is_string(column.type) or pa.types.is_binary(column.type)
    if is_text != (tensor.dtype.kind == "O"):
        raise DataError(
            f"column '{tensor.name}' holds {column.type} values, but the model takes {tensor.type_name}. "
            "Train the model on data with the same types, or give the data the type that the model was trained on."
        )
    if is_text:
        values = column.cast(COLUMN_TYPES["string"].fed_type)
        if values.null_count:
            values = pc.fill_null(values, tensor.missing)
        texts: Array = values.to_numpy(zero_copy_only=False)
        return texts
    if pa.types.is_integer(column.type) and tensor.dtype.kind == "f" and column.null_count:
        column = column.cast(pa.float64(), safe=False)
    if column.null_count:
        missing = COLUMN_TYPES["float"].missing if pa.types.is_floating(column.type) else int(tensor.missing)
        column = pc.fill_null(column, pa.scalar(missing, column.type))
    values = column.to_numpy(zero_copy_only=False)
    if tensor.dtype.kind in "iu" and values.dtype.kind == "f":
        values = np.where(np.isnan(values), tensor.missing, values)
    return np.ascontiguousarray(values, dtype=tensor.dtype)


def _in_words(kind: pa.DataType) -> str:
    return f"lists of {kind.list_size} numbers" if is_list(kind) else f"{kind} values"


def _taken(tensor: Tensor) -> str:
    return "one value" if tensor.shape is None or len(tensor.shape) < 2 else f"{tensor.shape[1]} numbers"
