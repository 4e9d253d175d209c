"""The linear baseline: a regression on what the network sees, as the task has it, which evaluate measures beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy import sparse

from stellwerk.components.training.packing import Chunk, Matrix, Packing
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.labels import Labels
from stellwerk.tasks.parts import LinearPart


@dataclass(frozen=True)
class Linear:
    """Numbers times weights, plus the weight of each id."""

    packing: Packing
    task: LinearPart
    """What makes answers of scores."""
    labels: Labels
    """With their unit: scores of a quantity are in deviations from the mean, as those of the network."""
    numbers: tf.Variable
    """Weights of the float matrix, float32 [floats, outputs]."""
    ids: tf.Variable
    """Weights of every id of every input, one input after the other, float32 [ids, outputs]."""
    bias: tf.Variable

    @classmethod
    def fit(cls, rows: Chunk, packing: Packing, target: Target, labels: Labels, weights: Matrix) -> Linear:
        """Learns from some rows of the train split, with scikit-learn's own regularisation; `weights` are those of the classes."""
        design = _design(rows, packing)
        task: LinearPart = TASKS.part(target.type, "linear")
        coefficients, bias = task.solved(design, rows.labels, labels, weights)
        floats = rows.floats.shape[1]
        parts = {"numbers": coefficients[:floats], "ids": coefficients[floats:], "bias": bias}
        return cls(
            packing,
            task,
            labels,
            *(
                tf.Variable(part.astype(np.float32), trainable=False, name=f"linear_{name}")
                for name, part in parts.items()
            ),
        )

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns what the network would: probabilities of the positive class [batch, 1] or of all, or the quantity [batch, 1]."""
        scores = self.bias + tf.zeros([tf.shape(next(iter(inputs.values())))[0], 1])
        single = [inputs[item.name] for item in self.packing.floats if not item.shape]  # they come first
        floats = [
            *([tf.stack(single, axis=1)] if single else []),
            *(inputs[item.name] for item in self.packing.floats if item.shape),
        ]
        if floats:
            scores += tf.matmul(tf.concat(floats, axis=1), self.numbers)
        start = 0
        for item in self.packing.ids:
            ids = _wide(tf.cast(inputs[item.name], tf.int32), item.shape)
            weights = tf.gather(self.ids, ids + start)
            if item.shape:
                weights *= tf.cast(ids != 0, tf.float32)[:, :, None]
            scores += tf.reduce_sum(weights, axis=1)
            start += item.size
        return self.task.answered(scores, self.labels)


def _wide(tensor: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    return tensor if shape else tensor[:, None]


def _design(rows: Chunk, packing: Packing) -> sparse.csr_matrix:
    """Returns one column for each float and for each id; a text has one for every word, 0 of it being no word."""
    parts = [sparse.csr_matrix(rows.floats.astype(np.float64))]
    start = 0
    for item in packing.ids:
        ids = rows.ids[:, start : start + item.width]
        place = np.repeat(np.arange(len(rows)), item.width)
        values = (ids != 0 if item.shape else np.ones_like(ids)).astype(np.float64)
        parts.append(sparse.csr_matrix((values.ravel(), (place, ids.ravel())), shape=(len(rows), item.size)))
        start += item.width
    design = sparse.hstack(parts, format="csr")
    # Where all inputs are tensors of their own there is no column; one without a value leaves the bias to be learned.
    return design if design.shape[1] else sparse.csr_matrix((len(rows), 1))
