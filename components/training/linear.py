"""The linear baseline: a logistic or linear regression on what the network sees, which evaluate measures beside the model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV

from stellwerk.components.training.labels import Labels
from stellwerk.components.training.packing import Chunk, Matrix, Packing
from stellwerk.spec.target import Target

ITERATIONS = 300
"""Steps of L-BFGS at most: on standardised columns some dozens do."""

NEVER = -10.0
"""Score of a class that none of the rows has."""

PENALTIES, FEW_CELLS = np.logspace(-2, 3, 12), 1 << 20
"""Of the ridge regression: the best by leaving one row out, which has a closed form. In a larger matrix it matters little, and takes long."""


@dataclass(frozen=True)
class Linear:
    """Numbers times weights, plus the weight of each id."""

    packing: Packing
    kind: str
    """Type of the target."""
    unit: tuple[float, float]
    """Deviation and mean of a quantity: scores are in deviations from the mean, as those of the network."""
    numbers: tf.Variable
    """Weights of the float matrix, float32 [floats, outputs]."""
    ids: tf.Variable
    """Weights of every id of every input, one input after the other, float32 [ids, outputs]."""
    bias: tf.Variable

    @classmethod
    def fit(cls, rows: Chunk, packing: Packing, target: Target, labels: Labels, weights: Matrix) -> Linear:
        """Learns from some rows of the train split, with scikit-learn's own regularisation; `weights` are those of the classes."""
        design = _design(rows, packing)
        coefficients, bias = _solved(design, rows.labels, target.type, labels, weights)
        floats = rows.floats.shape[1]
        parts = {"numbers": coefficients[:floats], "ids": coefficients[floats:], "bias": bias}
        return cls(
            packing,
            target.type,
            (labels.deviation, labels.mean),
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
        deviation, mean = self.unit
        return {
            "binary": tf.sigmoid,
            "multiclass": tf.nn.softmax,
            "regression": lambda scores: scores * deviation + mean,
        }[self.kind](scores)


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
    return sparse.hstack(parts, format="csr")


def _solved(design: Any, answers: Matrix, kind: str, labels: Labels, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Returns coefficients [columns, outputs] and bias [outputs] of the scores."""
    if kind == "regression":
        scores = (answers.astype(np.float64) - labels.mean) / labels.deviation
        small = math.prod(design.shape) <= FEW_CELLS
        model = RidgeCV(PENALTIES).fit(design.toarray(), scores) if small else Ridge().fit(design, scores)
        return model.coef_[:, None], np.array([model.intercept_])
    classes = answers.astype(np.int64)
    seen = np.unique(classes)
    outputs = 1 if kind == "binary" else len(labels.counts)
    if len(seen) < 2:
        return np.zeros((design.shape[1], outputs)), _log_shares(labels, kind)
    model = LogisticRegression(max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, classes, sample_weight=weights[classes])
    if kind == "binary":
        return model.coef_.T, model.intercept_
    coefficients, bias = np.zeros((design.shape[1], outputs)), np.full(outputs, NEVER)
    two = len(seen) == 2  # then there is one score, of the second
    coefficients[:, seen] = np.stack([0 * model.coef_[0], model.coef_[0]], axis=1) if two else model.coef_.T
    bias[seen] = [0.0, model.intercept_[0]] if two else model.intercept_
    return coefficients, bias


def _log_shares(labels: Labels, kind: str) -> Matrix:
    counts = labels.counts + 1
    return np.log(counts[1:] / counts[:1]) if kind == "binary" else np.log(counts / counts.sum())
