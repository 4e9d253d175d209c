"""The last layer and the loss: the answer is never negative."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from stellwerk.tasks.regression.head import Regression


@dataclass(frozen=True)
class Count(Regression):
    """The score is the logarithm of the number of events to be expected."""

    def prior(self):
        """Returns the score of the mean."""
        return np.log([self.labels.mean]).astype(np.float32)

    def output(self, scores):
        """Returns numbers of events, [batch, 1]."""
        return keras.layers.Activation("exponential", dtype="float32", name="predictions")(scores)

    def losses(self, labels, outputs):
        """Returns the negative logarithm of the likelihood of each row, without what only the label decides."""
        return outputs[..., 0] - labels * tf.math.log(outputs[..., 0])

    @property
    def loss_unit(self):
        """A loss is shown as it is."""
        return 1.0


HEAD = Count
