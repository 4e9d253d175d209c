"""`type: multilabel`: a sigmoid a label, cross-entropy, exact matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stellwerk.tasks.heads import CLASSIFY, Head, Measures
from stellwerk.tasks.labels import Numbers


@dataclass(frozen=True)
class Multilabel(Head):
    """Gives the probability of each label, whatever the others are."""

    @property
    def units(self) -> int:
        """Outputs a row."""
        return len(self.classes)

    def prior(self) -> Numbers:
        """Returns the log odds of each label, as the weights see it; one row more on each side keeps unseen labels possible."""
        there = (self.labels.counts + 1) * np.maximum(self.weights, 1e-6)
        return np.asarray(np.log(there / (self.labels.rows + 1 - self.labels.counts)), np.float32)

    def output(self, scores: Any) -> Any:
        """Turns log odds into probabilities."""
        return keras.layers.Activation("sigmoid", dtype="float32", name="probabilities")(scores)

    def losses(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Mean over the labels of the binary cross-entropy; Keras computes it from the sigmoid's input, which keeps it finite.

        The weight of a label is that of the rows that have it.
        """
        weights = 1.0 + labels * (self.weights - 1.0)
        return tf.reduce_mean(weights * keras.ops.binary_crossentropy(labels, outputs), axis=-1)

    def seen(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """1 where all labels are on the right side."""
        return tf.cast(tf.reduce_all(tf.equal(outputs > 0.5, labels > 0.5), axis=1), tf.float32)

    def measures(self) -> Measures:
        """Exact matches."""
        return Matches()

    def signature(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities` [batch, labels] and the names of the `labels` [batch, labels]."""
        return {"probabilities": outputs, "labels": self.classified(outputs)["classes"]}

    def judgement(self, outputs: tf.Tensor) -> tuple[str, dict[str, tf.Tensor]]:
        """All labels."""
        return CLASSIFY, self.classified(outputs)


HEAD = Multilabel


class Matches(Measures):
    """The share of rows of which every label is right."""

    def __init__(self) -> None:
        self._rows = 0
        self._right = 0.0

    def add(self, labels: Numbers, seen: Numbers) -> None:  # noqa: ARG002
        """Adds rows that are right (1) or not (0)."""
        self._rows += len(seen)
        self._right += float(seen.sum(dtype=np.float64))

    def result(self) -> dict[str, float]:
        """Returns `accuracy`."""
        return {"accuracy": self._right / self._rows} if self._rows else {}
