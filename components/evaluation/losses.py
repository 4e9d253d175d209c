"""What a model says of rows, and how wrong it is on each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stellwerk.components.evaluation.predicting import Predictor
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.measures import of_losses
from stellwerk.tasks.parts import RowsPart


def answers(predictor: Predictor, arrays: Mapping[str, Array]) -> Array:
    """Returns what the model alone predicts for arrays by input name, [rows, outputs]."""
    answer: Array = predictor.model.predict(arrays)[predictor.output]
    return answer.reshape(len(answer), -1)


def losses(kind: str, labels: Array, predictions: Array) -> Array:
    """Returns how wrong the predictions of a task are: -ln of the probability of the true class, or the squared error [rows].

    `predictions` are [rows, 1] (the probability of the positive class, or a quantity) or [rows, classes].
    """
    task: RowsPart = TASKS.part(kind, "rows")
    return task.losses(labels, predictions)


def together(kind: str, lost: Array) -> Array:
    """Returns the metric of losses [..., rows]: mean log loss, or the root of the mean squared error."""
    mean: Array = lost.mean(axis=-1)
    return np.sqrt(mean) if of_losses(kind)[1].of_losses == "root" else mean


def name_of(kind: str) -> str:
    """Returns what the metric is called."""
    return of_losses(kind)[0]
