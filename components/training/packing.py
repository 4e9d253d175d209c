"""All inputs of many rows as two matrices: a step over few large tensors is much faster than over many small ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from stellwerk.components.training.description import ModelInput

Matrix = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Chunk:
    """Some rows, packed: `floats` float32 [rows, f], `ids` int32 [rows, i], `labels` float32 or int32 [rows]."""

    floats: Matrix
    ids: Matrix
    labels: Matrix

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def arrays(self) -> tuple[Matrix, Matrix, Matrix]:
        """The three arrays, in the order in which the graph takes them."""
        return self.floats, self.ids, self.labels

    def __getitem__(self, rows: slice | Matrix) -> Chunk:
        if isinstance(rows, slice):
            return Chunk(self.floats[rows], self.ids[rows], self.labels[rows])
        return Chunk(*(np.take(matrix, rows, axis=0) for matrix in self.arrays))

    @staticmethod
    def join(chunks: Sequence[Chunk]) -> Chunk:
        """Returns all rows of `chunks`, in order."""
        if len(chunks) == 1:
            return chunks[0]
        floats, ids, labels = (np.concatenate(parts) for parts in zip(*(c.arrays for c in chunks), strict=True))
        return Chunk(floats, ids, labels)


@dataclass(frozen=True)
class Packing:
    """Where each input is in the matrices; inputs of one value come first, so that one operation takes them apart."""

    inputs: tuple[ModelInput, ...]
    label: str
    whole_label: bool
    """Whether the label is a class id (int32) and no float32."""

    @cached_property
    def floats(self) -> tuple[ModelInput, ...]:
        """Inputs in the float matrix, in order."""
        return tuple(sorted((item for item in self.inputs if item.is_float), key=lambda item: bool(item.shape)))

    @cached_property
    def ids(self) -> tuple[ModelInput, ...]:
        """Inputs in the id matrix, in order."""
        return tuple(sorted((item for item in self.inputs if not item.is_float), key=lambda item: bool(item.shape)))

    @property
    def columns(self) -> list[str]:
        """Columns of the transformed Examples that it needs."""
        return [item.name for item in (*self.floats, *self.ids)] + [self.label]

    @property
    def row_bytes(self) -> int:
        """Bytes that one packed row takes."""
        return 4 * (sum(item.width for item in self.inputs) + 1)

    @property
    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """Specs of the three arrays of a chunk."""
        return (
            tf.TensorSpec([None, sum(item.width for item in self.floats)], tf.float32),
            tf.TensorSpec([None, sum(item.width for item in self.ids)], tf.int32),
            tf.TensorSpec([None], tf.int32 if self.whole_label else tf.float32),
        )

    def pack(self, table: pa.Table) -> Chunk:
        """Packs rows as they are in the Parquet files."""
        labels = table.column(self.label).to_numpy().astype(np.int32 if self.whole_label else np.float32)
        return Chunk(_matrix(table, self.floats, np.float32), _matrix(table, self.ids, np.int32), labels)

    def numbers(self, chunk: Chunk) -> dict[str, Matrix]:
        """Returns the values of each input that is a number, [rows] by name."""
        return {item.name: chunk.floats[:, place] for place, item in enumerate(self.floats) if not item.shape}

    @cached_property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """Specs of the inputs by name."""
        return {item.name: tf.TensorSpec([None, *item.shape], _dtype(item)) for item in self.inputs}

    def named(self, chunk: Chunk) -> dict[str, Matrix]:
        """Returns the inputs by name, as arrays [rows, ...]."""
        return {**_columns(chunk.floats, self.floats), **_columns(chunk.ids, self.ids)}

    def unpack(self, floats: tf.Tensor, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the inputs by name, inside the graph."""
        return {**_apart(floats, self.floats), **_apart(ids, self.ids)}


def _matrix(table: pa.Table, inputs: Sequence[ModelInput], dtype: type) -> Matrix:
    matrix: Matrix = np.empty((table.num_rows, sum(item.width for item in inputs)), dtype)
    start = 0
    for item in inputs:
        end = start + item.width
        column = table.column(item.name)
        if item.shape:
            values = np.concatenate([np.asarray(part.flatten()) for part in column.chunks] or [np.empty(0, dtype)])
            matrix[:, start:end] = values.reshape(-1, item.width)
        else:
            matrix[:, start] = column.to_numpy()
        start = end
    return matrix


def _columns(matrix: Matrix, inputs: Sequence[ModelInput]) -> dict[str, Matrix]:
    starts = np.cumsum([0, *(item.width for item in inputs)])
    return {
        item.name: matrix[:, start : start + item.width] if item.shape else matrix[:, start]
        for item, start in zip(inputs, starts[:-1], strict=True)
    }


def _dtype(item: ModelInput) -> tf.DType:
    return tf.float32 if item.is_float else tf.int32


def _apart(matrix: tf.Tensor, inputs: Sequence[ModelInput]) -> dict[str, tf.Tensor]:
    single = [item for item in inputs if not item.shape]
    wide = [item for item in inputs if item.shape]
    tensors = dict(zip((item.name for item in single), tf.unstack(matrix[:, : len(single)], axis=1), strict=True))
    if wide:
        parts = tf.split(matrix[:, len(single) :], [item.width for item in wide], axis=1)
        tensors.update(zip((item.name for item in wide), parts, strict=True))
    return tensors
