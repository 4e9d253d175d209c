"""What every target type has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tensorflow as tf

from stellwerk.components.training.labels import Labels, Numbers
from stellwerk.components.training.models.body import Body
from stellwerk.components.training.models.members import LECUN, OfEachMember

CLASSIFY, REGRESS = "classify", "regress"
"""Names of TensorFlow Serving's methods over serialised tf.Example, and of the signatures that answer them."""

SCORES = "scores"
"""Name of the last layer."""


@dataclass(frozen=True)
class Head(ABC):
    """The last layer, the loss and the measures of one target type."""

    labels: Labels
    weights: Numbers
    """Weight of each class in the loss, float32 [classes]."""
    classes: tuple[str, ...]

    whole_label: ClassVar[bool] = False
    """Whether labels are class ids and no floats."""

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

        `labels` are [batch], `outputs` [batch, units]; where members answer apart, [batch, members] and [batch, members, units], and
        so are the losses.
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

    @property
    def loss_unit(self) -> float:
        """What one unit of `losses` is in the reported loss."""
        return 1.0

    def complete(self, body: Body) -> tuple[Any, Any]:
        """Returns what learns and what answers, Keras tensors, from what a builder gave.

        Both are the same [batch, units], but of a body of several members: each of them learns by its own answer [batch, members,
        units], and their mean is the model's.
        """
        bias = keras.initializers.Constant(self.prior())
        linear = body.linear
        if len(body.hidden.shape) == 2:
            scores = keras.layers.Dense(self.units, bias_initializer=bias, name=SCORES)(body.hidden)
            outputs = self.output(_with_linear(scores, linear))
            return outputs, outputs
        scores = OfEachMember(self.units, LECUN / 100, bias, name=SCORES)(body.hidden)
        shared = None if linear is None else keras.layers.Reshape((1, self.units), name="for_every_member")(linear)
        outputs = self.output(_with_linear(scores, shared))
        return outputs, keras.ops.mean(outputs, axis=1)


def _with_linear(scores: Any, linear: Any) -> Any:
    return scores if linear is None else keras.layers.Add(name="wide_and_deep")([scores, linear])


def beside(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the label of each row [batch] once for every member that answered it: the shape of `outputs` without its last axis."""
    if outputs.shape.rank == 2:
        return labels
    return tf.broadcast_to(labels[:, None], tf.shape(outputs)[:-1])


class Measures(ABC):
    """Adds up over chunks what one pass over a split has shown; costs little memory whatever the rows."""

    @abstractmethod
    def add(self, labels: Numbers, seen: Numbers) -> None:
        """Adds rows: their labels and what `Head.seen` gave."""

    @abstractmethod
    def result(self) -> dict[str, float]:
        """Returns the measures by name; one that is not defined (AUC of one class) is left out."""
