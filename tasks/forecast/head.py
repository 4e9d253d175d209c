"""`type: forecast`: a value for each of the next steps, or several quantiles of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stellwerk.tasks.heads import REGRESS, Head, Measures
from stellwerk.tasks.labels import Numbers

HUBER = 1.0
"""From here on, in deviations, errors count as they are and no longer squared (Huber, 1964)."""


@dataclass(frozen=True)
class Forecast(Head):
    """Gives the next values, in the unit of the data: what the network works in, each row's own scale or that of the train split, is undone."""

    unit: Any = None
    """Keras tensor [batch, 2]: the offset and the factor of each row, where the series is scaled by its windows."""

    @property
    def steps(self) -> int:
        """Values ahead."""
        return int(self.labels.facts["steps"])

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Of each of them."""
        return tuple(self.labels.facts["quantiles"])

    @property
    def units(self) -> int:
        """Outputs a row: the quantiles of the first step, then those of the next."""
        return self.steps * len(self.quantiles)

    def beside(self, described: Mapping[str, Mapping[str, Any]], tensors: Mapping[str, Any]) -> Head:
        """Returns the head of a network in which the past of the target is scaled by its windows."""
        column = self.labels.facts["past"]
        for name, facts in described.items():
            if "unit_of" in facts and column in facts["unit_of"]:
                return replace(self, unit=tensors[name][:, facts["unit_of"].index(column)])
        return self

    def prior(self) -> Numbers:
        """Returns zeros: an untrained network answers with the last value, or the mean."""
        return np.zeros(self.units, np.float32)

    def output(self, scores: Any) -> Any:
        """Turns scores [batch, units] or [batch, members, units] into values."""
        if self.unit is None:
            return keras.layers.Rescaling(self.labels.deviation, self.labels.mean, dtype="float32", name="predictions")(
                scores
            )
        offset, factor = self.unit[:, 0], self.unit[:, 1]
        for _ in range(len(scores.shape) - 1):
            offset, factor = keras.ops.expand_dims(offset, -1), keras.ops.expand_dims(factor, -1)
        return keras.layers.Add(name="predictions")([keras.ops.multiply(scores, factor), offset])

    def losses(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Mean over the steps of the pinball, Huber or absolute loss, in deviations of a list from its own mean."""
        shape = tf.concat([tf.shape(labels), [len(self.quantiles)]], 0)
        errors = (labels[..., None] - tf.reshape(outputs, shape)) / self.labels.deviation
        size, kind = tf.abs(errors), self.labels.facts["loss"]
        if kind == "pinball":
            levels = tf.constant(self.quantiles, tf.float32)
            found = 2.0 * tf.maximum(levels * errors, (levels - 1.0) * errors)
        elif kind == "mae":
            found = size
        else:
            found = tf.where(size < HUBER, 0.5 * tf.square(errors), HUBER * (size - 0.5 * HUBER))
        rank = labels.shape.rank
        return tf.reduce_mean(found, axis=[rank - 1, rank])

    def seen(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The mean absolute error over the steps."""
        return tf.reduce_mean(tf.abs(labels - self._middle(outputs)), axis=1)

    def measures(self) -> Measures:
        """Mean absolute error."""
        return StepErrors()

    def signature(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`predictions` [batch, steps] and, where they are asked for, `quantiles` [batch, steps, quantiles]."""
        answers = {"predictions": self._middle(outputs)}
        if len(self.quantiles) > 1:
            answers["quantiles"] = self._levels(outputs)
        return answers

    def judgement(self, outputs: tf.Tensor) -> tuple[str, dict[str, tf.Tensor]]:
        """The value of the next step: Regress has one a row."""
        return REGRESS, {"outputs": self._middle(outputs)[:, 0]}

    def _middle(self, outputs: tf.Tensor) -> tf.Tensor:
        return self._levels(outputs)[:, :, len(self.quantiles) // 2]

    def _levels(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns [batch, steps, quantiles], rising: quantiles that are learned apart may cross where little was seen."""
        levels = tf.reshape(outputs, [-1, self.steps, len(self.quantiles)])
        return tf.sort(levels, axis=2) if len(self.quantiles) > 1 else levels


HEAD = Forecast


class StepErrors(Measures):
    """Mean absolute error over rows and steps."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0.0

    def add(self, labels: Numbers, seen: Numbers) -> None:  # noqa: ARG002 - what was seen are errors
        """Adds the errors of rows."""
        self._rows += len(seen)
        self._sum += float(seen.astype(np.float64).sum())

    def result(self) -> dict[str, float]:
        """Returns `mae`."""
        return {"mae": self._sum / self._rows} if self._rows else {}
