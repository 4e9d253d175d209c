"""A batch is named arrays of any shape. Those of one value or a short list are packed into two matrices, floats and ids.

A step over few large tensors is much faster than over many small ones; what is large by itself stays an array of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.forms.lists import flat, shaped

Matrix = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Chunk:
    """Some rows: `floats` float32 [rows, f], `ids` int32 [rows, i], `labels` float32 or int32 [rows, ...], and each tensor [rows, ...]."""

    floats: Matrix
    ids: Matrix
    labels: Matrix
    tensors: tuple[Matrix, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def arrays(self) -> tuple[Matrix, ...]:
        """All arrays, in the order in which the graph takes them."""
        return self.floats, self.ids, self.labels, *self.tensors

    @classmethod
    def of(cls, arrays: Iterable[Matrix]) -> Chunk:
        """Makes one of what `arrays` gives."""
        floats, ids, labels, *tensors = arrays
        return cls(floats, ids, labels, tuple(tensors))

    def __getitem__(self, rows: slice | Matrix) -> Chunk:
        if isinstance(rows, slice):
            return Chunk.of(array[rows] for array in self.arrays)
        return Chunk.of(np.take(array, rows, axis=0) for array in self.arrays)

    @staticmethod
    def join(chunks: Sequence[Chunk]) -> Chunk:
        """Returns all rows of `chunks`, in order."""
        if len(chunks) == 1:
            return chunks[0]
        return Chunk.of(np.concatenate(parts) for parts in zip(*(c.arrays for c in chunks), strict=True))


@dataclass(frozen=True)
class Packing:
    """Where each input is in the matrices; inputs of one value come first, so that one operation takes them apart."""

    inputs: tuple[ModelInput, ...]
    label: str
    whole_label: bool
    """Whether the label is a class id (int32) and no float32."""
    label_shape: tuple[int, ...] = ()
    """Shape of the label of one row: that of a list where it is one."""

    @cached_property
    def floats(self) -> tuple[ModelInput, ...]:
        """Inputs in the float matrix, in order."""
        return self._packed("floats")

    @cached_property
    def ids(self) -> tuple[ModelInput, ...]:
        """Inputs in the id matrix, in order."""
        return self._packed("ids")

    @cached_property
    def tensors(self) -> tuple[ModelInput, ...]:
        """Inputs that are arrays of their own, in order."""
        return tuple(item for item in self.inputs if item.packed is None)

    def _packed(self, matrix: str) -> tuple[ModelInput, ...]:
        return tuple(sorted((item for item in self.inputs if item.packed == matrix), key=lambda item: bool(item.shape)))

    @property
    def columns(self) -> list[str]:
        """Columns of the transformed Examples that it needs."""
        return [item.name for item in (*self.floats, *self.ids, *self.tensors)] + [self.label]

    @cached_property
    def row_bytes(self) -> int:
        """Bytes that one row takes."""
        return sum(item.row_bytes for item in self.inputs) + 4 * math.prod(self.label_shape)

    @property
    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """Specs of the arrays of a chunk."""
        return (
            tf.TensorSpec([None, sum(item.width for item in self.floats)], tf.float32),
            tf.TensorSpec([None, sum(item.width for item in self.ids)], tf.int32),
            tf.TensorSpec([None, *self.label_shape], tf.int32 if self.whole_label else tf.float32),
            *(self.specs[item.name] for item in self.tensors),
        )

    def pack(self, table: pa.Table) -> Chunk:
        """Packs rows as they are in the Parquet files."""
        return Chunk(
            _matrix(table, self.floats, np.float32),
            _matrix(table, self.ids, np.int32),
            self._labels(table.column(self.label)).astype(np.int32 if self.whole_label else np.float32),
            tuple(
                item.known.read(table.column(item.name), item).astype(item.dtype, copy=False) for item in self.tensors
            ),
        )

    def _labels(self, column: pa.ChunkedArray) -> Matrix:
        return shaped(column, self.label_shape) if self.label_shape else flat(column)

    def numbers(self, chunk: Chunk) -> dict[str, Matrix]:
        """Returns the values of each input that is a number, [rows] by name."""
        return {item.name: chunk.floats[:, place] for place, item in enumerate(self.floats) if not item.shape}

    @cached_property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """Specs of the inputs by name."""
        return {item.name: tf.TensorSpec([None, *item.shape], item.dtype) for item in self.inputs}

    def named(self, chunk: Chunk) -> dict[str, Matrix]:
        """Returns the inputs by name, as arrays [rows, ...]."""
        tensors = zip((item.name for item in self.tensors), chunk.tensors, strict=True)
        return {**_columns(chunk.floats, self.floats), **_columns(chunk.ids, self.ids), **dict(tensors)}

    def unpack(self, floats: tf.Tensor, ids: tf.Tensor, *tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the inputs by name, inside the graph."""
        own = zip((item.name for item in self.tensors), tensors, strict=True)
        return {**_apart(floats, self.floats), **_apart(ids, self.ids), **dict(own)}


def _matrix(table: pa.Table, inputs: Sequence[ModelInput], dtype: type) -> Matrix:
    matrix: Matrix = np.empty((table.num_rows, sum(item.width for item in inputs)), dtype)
    start = 0
    for item in inputs:
        end = start + item.width
        values = item.known.read(table.column(item.name), item)
        if item.shape:
            matrix[:, start:end] = values
        else:
            matrix[:, start] = values
        start = end
    return matrix


def _columns(matrix: Matrix, inputs: Sequence[ModelInput]) -> dict[str, Matrix]:
    starts = np.cumsum([0, *(item.width for item in inputs)])
    return {
        item.name: matrix[:, start : start + item.width] if item.shape else matrix[:, start]
        for item, start in zip(inputs, starts[:-1], strict=True)
    }


def _apart(matrix: tf.Tensor, inputs: Sequence[ModelInput]) -> dict[str, tf.Tensor]:
    single = [item for item in inputs if not item.shape]
    wide = [item for item in inputs if item.shape]
    tensors = dict(zip((item.name for item in single), tf.unstack(matrix[:, : len(single)], axis=1), strict=True))
    if wide:
        parts = tf.split(matrix[:, len(single) :], [item.width for item in wide], axis=1)
        tensors.update(zip((item.name for item in wide), parts, strict=True))
    return tensors
