"""What goes into a network and what it gives to the last layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from stellwerk.components.artifacts.naming import safe
from stellwerk.components.training.description import ModelInput


@dataclass(frozen=True)
class Inputs:
    """The Keras inputs of a network, with what each is."""

    described: tuple[ModelInput, ...]
    tensors: dict[str, Any]
    """Keras inputs by name: float32 or int32, [batch] or [batch, width]."""

    @classmethod
    def make(cls, described: tuple[ModelInput, ...]) -> Inputs:
        """Makes a Keras input for each model input."""
        dtypes = {True: "float32", False: "int32"}
        tensors = {
            item.name: keras.Input(item.shape, dtype=dtypes[item.is_float], name=safe(item.name)) for item in described
        }
        return cls(described, tensors)

    def only(self, wanted: Callable[[ModelInput], bool]) -> Inputs:
        """Returns the inputs of which `wanted` is true."""
        return Inputs(tuple(filter(wanted, self.described)), self.tensors)


@dataclass(frozen=True)
class Body:
    """A network without its last layer."""

    hidden: Any
    """Keras tensor [batch, units] that the last layer is put on."""
    linear: Any = None
    """Keras tensor [batch, outputs] that is added to the last layer's scores, or None."""
