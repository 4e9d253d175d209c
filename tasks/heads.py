"""What the heads of all tasks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from stellwerk.tasks.labels import Labels, Numbers

CLASSIFY, REGRESS = "classify", "regress"
"""Names of TensorFlow Serving's methods over serialised tf.Example, and of the signatures that answer them."""
SMALLEST = 1e-30
"""Distance of a probability from 1 that still counts: a power below 1 of nothing has no gradient."""


@dataclass(frozen=True)
class Head(ABC):
    """The last layer, the loss and the measures of one task."""

    labels: Labels
    weights: Numbers
    """Weight of each class in the loss, float32 [classes]."""
    classes: tuple[str, ...]
    gamma: float = 0.0
    """Of the focal loss; 0: the loss of the task as it is."""

    FOCUSES: ClassVar[bool] = False
    """Whether `losses` heeds `gamma`."""

    def beside(
        self,
        described: Mapping[str, Mapping[str, Any]],  # noqa: ARG002 - for heads that look at the inputs
        tensors: Mapping[str, Any],  # noqa: ARG002
    ) -> Head:
        """Returns the head of a network with these inputs: what `features.json` says of each beside its shape, and the Keras inputs."""
        return self

    @property
    @abstractmethod
    def units(self) -> int:
        """Outputs a row."""

    @abstractmethod
    def prior(self) -> Numbers:
        """Returns the bias [units] with which an untrained network already answers with the labels' mean."""

    @abstractmethod
    def output(self, scores: Any) -> Any:
        """Turns scores [batch, units] (Keras tensor) into the model's output, in the units of the label."""

    @abstractmethod
    def losses(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the weighted loss of each row [batch], scaled so that its size does not depend on the label's unit.

        `labels` are [batch, ...], `outputs` [batch, units]; where members answer apart, [batch, members, ...] and [batch, members,
        units]; the losses are [batch] and [batch, members].
        """

    @abstractmethod
    def seen(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the one float of each row [batch] that the measures need."""

    @abstractmethod
    def measures(self) -> Measures:
        """Returns empty measures for one pass over a split."""

    @abstractmethod
    def signature(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Names the outputs of the served model."""

    @abstractmethod
    def judgement(self, outputs: tf.Tensor) -> tuple[str, dict[str, tf.Tensor]]:
        """Returns which of TensorFlow Serving's methods answers for this target, `CLASSIFY` or `REGRESS`, and its outputs.

        Classes and scores are [batch, classes], values are [batch].
        """

    def classified(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs of Classify for scores [batch, classes]."""
        names = tf.tile(tf.constant([list(self.classes)]), [tf.shape(scores)[0], 1])
        return {"classes": names, "scores": scores}

    def focused(self, losses: tf.Tensor) -> tf.Tensor:
        """Returns cross-entropies [...] as those of the focal loss: the more probable the right answer was, the less is left of them.

        (1 - p)^gamma times -log(p), Lin et al., 2017, equation 4, where p is exp of the negative cross-entropy: so it is as exact as that
        is, and its gradient finite, however small 1 - p.
        """
        if not self.gamma:
            return losses
        return tf.pow(tf.maximum(-tf.math.expm1(-losses), SMALLEST), self.gamma) * losses

    @property
    def loss_unit(self) -> float:
        """What one unit of `losses` is in the reported loss."""
        return 1.0


class Measures(ABC):
    """Adds up over chunks what one pass over a split has shown; costs little memory whatever the rows."""

    @abstractmethod
    def add(self, labels: Numbers, seen: Numbers) -> None:
        """Adds rows: their labels and what `Head.seen` gave."""

    @abstractmethod
    def result(self) -> dict[str, float]:
        """Returns the measures by name; one that is not defined (AUC of one class) is left out."""
