"""Columns of Examples as the inputs of the transform graph: what is missing is filled in as `stellwerk.columns` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import tensorflow as tf

from stellwerk.columns import COLUMN_TYPES, ColumnType
from stellwerk.tables.lists import matrix


def as_tensor(column: pa.Array, kind: str) -> tf.Tensor:
    """Returns a column of Examples as the graph input of type `kind`, with missing values filled in."""
    known = COLUMN_TYPES[kind]
    if known.length:
        return tf.constant(matrix(column))
    if not known.number:
        return _strings(column, known)
    return tf.constant(column.cast(known.fed_type, safe=False).fill_null(known.missing).to_numpy(zero_copy_only=False))


def _strings(column: pa.Array, known: ColumnType) -> tf.Tensor:
    """Makes each distinct string once: converting strings one by one is the slowest part of feeding a graph."""
    column = column.cast(known.fed_type).fill_null(known.missing)
    encoded = column.dictionary_encode()
    if len(encoded.dictionary) * 2 > len(column):
        return tf.constant(column.to_numpy(zero_copy_only=False), tf.string)
    distinct = tf.constant(encoded.dictionary.to_numpy(zero_copy_only=False), tf.string)
    return tf.gather(distinct, encoded.indices.to_numpy(zero_copy_only=False))


def as_spec(name: str, kind: str) -> tf.TensorSpec:
    """Returns what the graph says of an input of type `kind`."""
    known = COLUMN_TYPES[kind]
    return tf.TensorSpec([None, *known.shape], tf.as_dtype(known.dtype), name)


def as_tensors(batch: pa.RecordBatch, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Returns the graph inputs (name to type in `inputs`) of a batch of Examples."""
    return {name: as_tensor(batch.column(name), kind) for name, kind in inputs.items()}
