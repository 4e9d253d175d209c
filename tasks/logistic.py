"""A logistic regression, the linear baseline of tasks with classes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from stellwerk.tasks.labels import Numbers

ITERATIONS = 300
"""Steps of L-BFGS at most: on standardised columns some dozens do."""


def fitted(design: Any, classes: Numbers, weights: Numbers) -> Any:
    """Returns scikit-learn's model of the classes (int64 [rows]), with its own regularisation; None where there is but one."""
    if len(np.unique(classes)) < 2:
        return None
    model = LogisticRegression(max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, classes, sample_weight=weights[classes])
    return model
