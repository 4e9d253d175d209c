"""`type: regression`: a linear output in the label's unit, squared error, mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stellwerk.tasks.heads import REGRESS, Head, Measures
from stellwerk.tasks.labels import Numbers


@dataclass(frozen=True)
class Regression(Head):
    """Gives a quantity. Inside, the network works on the standardised label, so that any unit learns equally fast."""

    @property
    def units(self) -> int:
        """Outputs a row."""
        return 1

    def prior(self) -> Numbers:
        """Returns 0: the mean is added by `output`."""
        return np.zeros(1, np.float32)

    def output(self, scores: Any) -> Any:
        """Turns deviations from the mean into the label's unit."""
        scale, offset = self.labels.deviation, self.labels.mean
        return keras.layers.Rescaling(scale, offset, dtype="float32", name="predictions")(scores)

    def losses(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Squared error, in variances of the label."""
        return tf.square((labels - outputs[..., 0]) / self.labels.deviation)

    @property
    def loss_unit(self) -> float:
        """One variance of the label: the reported loss is the mean squared error in the label's unit."""
        return self.labels.deviation**2

    def seen(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:  # noqa: ARG002
        """The prediction."""
        return outputs[:, 0]

    def measures(self) -> Measures:
        """Mean absolute error."""
        return AbsoluteError()

    def signature(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`predictions` [batch, 1]."""
        return {"predictions": outputs}

    def judgement(self, outputs: tf.Tensor) -> tuple[str, dict[str, tf.Tensor]]:
        """The value."""
        return REGRESS, {"outputs": outputs[:, 0]}


HEAD = Regression


class AbsoluteError(Measures):
    """Mean absolute error."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0.0

    def add(self, labels: Numbers, seen: Numbers) -> None:
        """Adds predictions."""
        self._rows += len(seen)
        self._sum += float(np.abs(labels.astype(np.float64) - seen).sum())

    def result(self) -> dict[str, float]:
        """Returns `mae`."""
        return {"mae": self._sum / self._rows} if self._rows else {}
