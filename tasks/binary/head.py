"""`type: binary`: one sigmoid, cross-entropy, AUC and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from stellwerk.tasks.heads import CLASSIFY, Head, Measures
from stellwerk.tasks.labels import Numbers


@dataclass(frozen=True)
class Binary(Head):
    """Gives the probability of the positive class."""

    FOCUSES: ClassVar[bool] = True

    @property
    def units(self) -> int:
        """Outputs a row."""
        return 1

    def prior(self) -> Numbers:
        """Returns the log odds of the positive class, as the weights see it."""
        negative, positive = np.maximum(self.labels.counts * self.weights, 1e-6)
        return np.asarray([np.log(positive / negative)], np.float32)

    def output(self, scores: Any) -> Any:
        """Turns log odds into the probability."""
        return keras.layers.Activation("sigmoid", dtype="float32", name="probabilities")(scores)

    def losses(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Weighted binary cross-entropy; Keras computes it from the sigmoid's input, which keeps it finite."""
        weights = tf.where(labels > 0.5, self.weights[1], self.weights[0])
        return weights * self.focused(keras.losses.binary_crossentropy(labels[..., None], outputs))

    def seen(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:  # noqa: ARG002
        """The probability."""
        return outputs[:, 0]

    def measures(self) -> Measures:
        """AUC and accuracy."""
        return RankMeasures()

    def signature(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`probabilities` [batch, 1] of the positive class."""
        return {"probabilities": outputs}

    def judgement(self, outputs: tf.Tensor) -> tuple[str, dict[str, tf.Tensor]]:
        """Both classes."""
        return CLASSIFY, self.classified(tf.concat([1 - outputs, outputs], axis=1))


HEAD = Binary


class RankMeasures(Measures):
    """AUC and accuracy from two histograms of the log odds; 1/256 wide buckets, so the AUC is exact to about 1e-5."""

    _LIMIT = 16.0
    _BUCKETS = 8192

    def __init__(self) -> None:
        self._counts = np.zeros((2, self._BUCKETS + 1))
        self._right = 0

    def add(self, labels: Numbers, seen: Numbers) -> None:
        """Adds probabilities."""
        positive = labels > 0.5
        self._right += int(np.count_nonzero((seen > 0.5) == positive))
        with np.errstate(divide="ignore"):
            odds = np.log(seen) - np.log1p(-seen)
        scale = self._BUCKETS / (2 * self._LIMIT)
        places = ((np.clip(odds, -self._LIMIT, self._LIMIT) + self._LIMIT) * scale).astype(np.int64)
        for side in (0, 1):
            self._counts[side] += np.bincount(places[positive == bool(side)], minlength=self._BUCKETS + 1)

    def result(self) -> dict[str, float]:
        """Returns `accuracy` and, where both classes occur, `auc` (Mann-Whitney; a tie counts half)."""
        negative, positive = self._counts
        rows = self._counts.sum()
        pairs = negative.sum() * positive.sum()
        below = np.cumsum(negative) - negative / 2
        measures = {"accuracy": float(self._right / rows)} if rows else {}
        return {**measures, "auc": float(positive @ below / pairs)} if pairs else measures
