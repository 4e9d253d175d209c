"""Words in order and numbers in steps as one thing: values of each step, and which steps there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from stellwerk.components.forms.base import ModelInput
from stellwerk.naming import safe

Pooling = Literal["mean", "max", "sum"]

FAR_BELOW = -1e9
"""Takes the place of what is left out of a maximum; a whole number of LiteRT's 8 bits too."""


@dataclass(frozen=True)
class Steps:
    """A feature step by step."""

    values: Any
    """Keras tensor float32 [batch, steps, channels]; zeros or the vector of padding where there is no step."""
    real: Any = None
    """Keras tensor bool [batch, steps], true where there is a step; None: everywhere. The first counts always, so that no row is without one."""

    def only_real(self, values: Any) -> Any:
        """Returns values [batch, steps, n] with zeros where there is no step."""
        return values if self.real is None else values * self.weights

    @property
    def weights(self) -> Any:
        """1 for every step there is, float32 [batch, steps, 1]."""
        return keras.ops.cast(self.real, "float32")[:, :, None]


def steps_of(item: ModelInput, tensors: Mapping[str, Any]) -> Steps:
    """Returns an input of the form `tokens` by the learned vector of each word, or a tensor [batch, steps, channels] as it is.

    Numbers of the type uint8 are shares of 255.
    """
    tensor = tensors[item.name]
    if item.form == "tokens":
        vectors = keras.layers.Embedding(item.size, item.embedding, name=f"words_{safe(item.name)}")(tensor)
        first = np.arange(item.width)[None, :] == 0
        return Steps(vectors, keras.ops.logical_or(keras.ops.not_equal(tensor, 0), first))
    return Steps(numbers(item, tensor))


def numbers(item: ModelInput, tensor: Any) -> Any:
    """Returns the values of a tensor as float32, those of uint8 as shares of 255."""
    values = keras.ops.cast(tensor, "float32")
    return values / 255.0 if item.dtype == "uint8" else values


def looks(item: ModelInput) -> tuple[int, int]:
    """Returns how many steps a row has, and how many values a step."""
    return (item.width, item.embedding) if item.form == "tokens" else (item.shape[0], item.shape[1])


def pooled(steps: Steps, values: Any, pooling: Pooling) -> Any:
    """Returns one vector of values [batch, steps, n]: of the steps that there are."""
    if pooling == "max":
        if steps.real is not None:
            values = values + (1.0 - steps.weights) * FAR_BELOW
        return keras.ops.max(values, axis=1)
    total = keras.ops.sum(steps.only_real(values), axis=1)
    if pooling == "sum":
        return total
    return total / (float(values.shape[1]) if steps.real is None else keras.ops.sum(steps.weights, axis=1))
