"""`type: multiclass`: softmax, cross-entropy, accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from stellwerk.tasks.heads import CLASSIFY, Head, Measures
from stellwerk.tasks.labels import Numbers


@dataclass(frozen=True)
class Multiclass(Head):
    """Gives the probability of each class."""

    FOCUSES: ClassVar[bool] = True

    @property
    def units(self) -> int:
        """Outputs a row."""
        return len(self.classes)

    def prior(self) -> Numbers:
        """Returns the log share of each class; one row more for each keeps unseen classes possible."""
        counts = (self.labels.counts + 1) * np.maximum(self.weights, 1e-6)
        return np.asarray(np.log(counts / counts.sum()), np.float32)

    def output(self, scores: Any) -> Any:
        """Turns scores into probabilities that sum to 1."""
        return keras.layers.Activation("softmax", dtype="float32", name="probabilities")(scores)

    def losses(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Weighted cross-entropy; Keras computes it from the softmax's input, which keeps it finite."""
        lost = self.focused(keras.losses.sparse_categorical_crossentropy(labels, outputs))
        return tf.gather(self.weights, labels) * lost

    def seen(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """1 where the most probable class is the right one."""
        return tf.cast(tf.equal(tf.argmax(outputs, axis=1, output_type=tf.int32), labels), tf.float32)

    def measures(self) -> Measures:
        """Accuracy."""
        return Share()

    def signature(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities` [batch, classes] and the names of the `classes` [batch, classes]."""
        return {"probabilities": outputs, "classes": self.classified(outputs)["classes"]}

    def judgement(self, outputs: tf.Tensor) -> tuple[str, dict[str, tf.Tensor]]:
        """All classes."""
        return CLASSIFY, self.classified(outputs)


HEAD = Multiclass


class Share(Measures):
    """Accuracy: the share of rows that are right."""

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
