"""The linear baseline of a target of several labels a row: a logistic regression of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.tasks.labels import Labels, Numbers
from stellwerk.tasks.logistic import fitted


def solved(design: Any, answers: Numbers, labels: Labels, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Returns coefficients and bias of the log odds of each label; `weights` are those of the rows that have it."""
    counts = labels.counts + 1
    coefficients = np.zeros((design.shape[1], len(counts)))
    bias = np.log(counts / (labels.rows + 2 - counts))
    for place, weight in enumerate(weights):
        found = fitted(design, answers[:, place].astype(np.int64), np.array([1.0, weight]))
        if found is not None:
            coefficients[:, place], bias[place] = found.coef_[0], found.intercept_[0]
    return coefficients, bias


def answered(scores: tf.Tensor, labels: Labels) -> tf.Tensor:  # noqa: ARG001 - odds need no unit
    """Returns the probability of each label."""
    return tf.sigmoid(scores)
