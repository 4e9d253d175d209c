"""`model`: the network. A new model type is a class here and a builder in `components/training/models/`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from stellwerk.section import Hook, Section

Units = Annotated[int, Field(ge=1)]
Activation = Literal["relu", "gelu", "selu", "silu", "tanh"]


class Dense(Section):
    """A multilayer perceptron over all features."""

    EXAMPLE: ClassVar[str] = """\
model: {type: dense, hidden: [128, 64], dropout: 0.1}
"""

    type: Literal["dense"]
    hidden: tuple[Units, ...] = (128, 64)
    """Units of each hidden layer."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of units switched off at random after each hidden layer while training."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    batch_normalization: bool = False
    """Normalises each hidden layer's output over the batch."""


class Ensemble(Section):
    """Several multilayer perceptrons that learn side by side as one network, beside a linear model; their mean is the answer.

    It is exported mixed with the linear baseline, in the share that is best on the eval split: often none, on few rows often all.
    """

    EXAMPLE: ClassVar[str] = """\
model: {type: ensemble, members: 16, hidden: [64, 64], dropout: 0.2}
"""

    type: Literal["ensemble"]
    members: Annotated[int, Field(ge=1)] = 8
    """How many networks; each begins with weights of its own."""
    hidden: Annotated[tuple[Units, ...], Field(min_length=1)] = (96, 96)
    """Units of each hidden layer of each member."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of units switched off at random after each hidden layer while training."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    bins: Annotated[int, Field(ge=0)] | None = None
    """Numbers are also given by how far they are through each of so many quantile bins (piecewise linear encoding), by default 8 to 32, by the rows; 0: only as they are."""


class WideDeep(Dense):
    """Wide & deep (Cheng et al., 2016): a linear model over ids and crosses beside a multilayer perceptron."""

    EXAMPLE: ClassVar[str] = """\
model: {type: wide_deep, hidden: [128, 64]}
"""

    type: Literal["wide_deep"]  # type: ignore[assignment]


class CustomModel(Section):
    """Any Keras model, from a user's own function."""

    EXAMPLE: ClassVar[str] = """\
model: {build: model.py:build, parameters: {layers: 3}}
"""

    type: Literal["custom"] = "custom"
    build: Hook
    """`file.py:function`; called with the Keras inputs of the features by name and `parameters`, returns the tensor before the last layer, or a whole `keras.Model`."""
    parameters: dict[str, bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]] = {}
    """Keyword arguments for the function."""


MODELS = {"ensemble": Ensemble, "dense": Dense, "wide_deep": WideDeep, "custom": CustomModel}


def _build_needs_no_type(value: Any) -> Any:
    if isinstance(value, Mapping) and "build" in value and "type" not in value:
        return {"type": "custom", **value}
    return value


if TYPE_CHECKING:
    Model = Ensemble | Dense | WideDeep | CustomModel
else:
    Model = Annotated[reduce(or_, MODELS.values()), Field(discriminator="type"), BeforeValidator(_build_needs_no_type)]
