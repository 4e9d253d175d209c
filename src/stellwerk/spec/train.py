"""`train`: how the network learns."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from stellwerk.spec.section import Section

OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"]


class Optimizer(Section):
    """The optimiser and its step size. A plain name is short for `{type: ...}`."""

    EXAMPLE: ClassVar[str] = """\
train:
  optimizer: {type: adamw, learning_rate: 0.0005}
"""

    type: OptimizerName = "adam"
    """Keras optimiser."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    """Step size."""


def _optimizer(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class Train(Section):
    """How the network learns."""

    EXAMPLE: ClassVar[str] = """\
train: {epochs: 20, batch_size: 1024, optimizer: adam, early_stopping: 2}
"""

    epochs: Annotated[int, Field(ge=1)] = 5
    """Passes over the train split."""
    batch_size: Annotated[int, Field(ge=1)] = 512
    """Examples in one gradient step."""
    optimizer: Annotated[Optimizer, BeforeValidator(_optimizer, json_schema_input_type=OptimizerName | Optimizer)] = (
        Optimizer()
    )
    """Optimiser and learning rate."""
    early_stopping: Annotated[int, Field(ge=1)] | None = None
    """Stops after this many epochs without a better eval loss and keeps the best weights."""
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Weight of each class in the loss: `balanced` (by inverse frequency), or a number for each class by name."""
    seed: int = 42
    """Makes weights, shuffling and dropout the same in every run."""
