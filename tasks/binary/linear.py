"""The linear baseline of a binary target: a logistic regression of the positive class."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.tasks.labels import Labels, Numbers
from stellwerk.tasks.logistic import fitted


def solved(design: Any, answers: Numbers, labels: Labels, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Returns coefficients and bias of the log odds."""
    found = fitted(design, answers.astype(np.int64), weights)
    if found is None:
        counts = labels.counts + 1
        return np.zeros((design.shape[1], 1)), np.log(counts[1:] / counts[:1])
    return found.coef_.T, found.intercept_


def answered(scores: tf.Tensor, labels: Labels) -> tf.Tensor:  # noqa: ARG001 - odds need no unit
    """Returns the probability of the positive class."""
    return tf.sigmoid(scores)
