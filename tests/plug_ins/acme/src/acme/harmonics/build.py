"""The layers, how wide what they make is, and what they cost."""

import keras

from stellwerk.components.training.networks.cost import Cost


def encode(settings, items, tensors, hooks):
    """Returns [batch, 2 * most]: the formulas for the sum of two angles, again and again."""
    turn = tensors[items[0].name]
    sine, cosine = turn[:, :1], turn[:, 1:]
    made = [turn]
    for _ in range(settings.most - 1):
        before, last = made[-1][:, :1], made[-1][:, 1:]
        made.append(keras.ops.concatenate([before * cosine + last * sine, last * cosine - before * sine], axis=1))
    return keras.ops.concatenate(made, axis=1)


def width(settings, items):
    """Returns how many numbers a row has in that."""
    return 2 * settings.most


def cost(settings, items):
    """Returns the products of a row, by which the cores are shared out."""
    return Cost(4 * (settings.most - 1))
