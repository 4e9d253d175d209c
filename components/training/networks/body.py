"""What goes into a network and what it gives to the last layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.augmenting import augmented
from stellwerk.naming import safe


@dataclass(frozen=True)
class Inputs:
    """The Keras inputs of a network, with what each is."""

    described: tuple[ModelInput, ...]
    tensors: dict[str, Any]
    """Keras inputs by name, [batch, ...]; of which type and shape the form of each says."""
    sample: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    """Values of some rows of the train split by input, [rows], for numbers: for what a network takes from their distribution."""
    varied: Mapping[str, Any] = field(default_factory=dict)
    """What training varies, as it is then: Keras tensors by name, in the place of those inputs."""
    hooks: Mapping[str, str] = field(default_factory=dict)
    """Source texts of hook files by path, for encoders of the user's own."""

    @classmethod
    def make(
        cls,
        described: tuple[ModelInput, ...],
        sample: Mapping[str, np.ndarray[Any, Any]] | None = None,
        hooks: Mapping[str, str] | None = None,
    ) -> Inputs:
        """Makes a Keras input for each model input."""
        tensors = {item.name: keras.Input(item.shape, dtype=item.dtype, name=safe(item.name)) for item in described}
        varied = {
            item.name: augmented(item.augment, tensors[item.name], f"{safe(item.name)}_varied")
            for item in described
            if item.augment is not None
        }
        return cls(described, tensors, sample or {}, varied, hooks or {})

    @property
    def seen(self) -> dict[str, Any]:
        """What layers are put on, by name: inputs, or what training makes of them."""
        return {**self.tensors, **self.varied}

    def only(self, wanted: Callable[[ModelInput], bool]) -> Inputs:
        """Returns the inputs of which `wanted` is true."""
        return replace(self, described=tuple(filter(wanted, self.described)))


@dataclass(frozen=True)
class Body:
    """A network without its last layer."""

    hidden: Any
    """Keras tensor [batch, units] that the last layer is put on, or [batch, members, units]: then each member has its own."""
    linear: Any = None
    """Keras tensor [batch, outputs] that is added to the last layer's scores, or None."""
    mixes: bool = False
    """Whether `linear` takes all that the linear baseline does, by `encoding.linear`, so that both can be mixed: see `mixing`."""
