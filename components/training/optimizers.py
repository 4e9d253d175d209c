"""Optimisers by the name that `train.optimizer.type` gives them."""

from __future__ import annotations

from typing import Any

import keras

from stellwerk.spec.train import Optimizer

OPTIMIZERS: dict[str, type[Any]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
}


def make_optimizer(settings: Optimizer) -> Any:
    """Returns the Keras optimiser."""
    return OPTIMIZERS[settings.type](learning_rate=settings.learning_rate)
