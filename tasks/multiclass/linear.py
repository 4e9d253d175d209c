"""The linear baseline of a target of several classes: a logistic regression of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.tasks.labels import Labels, Numbers
from stellwerk.tasks.logistic import fitted

NEVER = -10.0
"""Score of a class that none of the rows has."""


def solved(design: Any, answers: Numbers, labels: Labels, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Returns coefficients and bias of the score of each class."""
    classes = answers.astype(np.int64)
    outputs = len(labels.counts)
    found = fitted(design, classes, weights)
    coefficients, bias = np.zeros((design.shape[1], outputs)), np.full(outputs, NEVER)
    if found is None:
        counts = labels.counts + 1
        return coefficients, np.log(counts / counts.sum())
    seen = found.classes_
    two = len(seen) == 2  # then there is one score, of the second
    coefficients[:, seen] = np.stack([0 * found.coef_[0], found.coef_[0]], axis=1) if two else found.coef_.T
    bias[seen] = [0.0, found.intercept_[0]] if two else found.intercept_
    return coefficients, bias


def answered(scores: tf.Tensor, labels: Labels) -> tf.Tensor:  # noqa: ARG001 - scores need no unit
    """Returns the probability of each class."""
    return tf.nn.softmax(scores)
