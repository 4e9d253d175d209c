"""The layers, and what they cost."""

import keras

from stellwerk.components.training.networks.body import Body
from stellwerk.components.training.networks.cost import Cost, of_layers
from stellwerk.components.training.networks.encoding import encoded, encoded_width


def build(architecture, inputs, units, hooks):
    """Returns the waves, [batch, waves]; the last layer is the task's."""
    return Body(keras.ops.sin(keras.layers.Dense(architecture.waves, name="waves")(encoded(inputs))))


def cost(architecture, inputs, rows):
    """Returns the products of a row, by which the cores are shared out."""
    return Cost(of_layers([encoded_width(inputs), architecture.waves]))
