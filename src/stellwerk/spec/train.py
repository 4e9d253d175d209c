"""`train`: how the network learns."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from stellwerk.section import Section

OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"]


class Optimizer(Section):
    """The optimiser and its step size. A plain name is short for `{type: ...}`."""

    EXAMPLE: ClassVar[str] = """\
train:
  optimizer: {type: adamw, learning_rate: 0.0005}
"""

    type: OptimizerName = "adamw"
    """Keras optimiser."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """Step size; where it changes, the largest."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """cosine: the step size rises over the first twentieth of the steps and falls to 0 at the last; constant: it stays."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """adamw: share of each weight, times the step size, that is taken off it in each step; not of biases and embeddings."""


def _optimizer(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class Train(Section):
    """How the network learns."""

    EXAMPLE: ClassVar[str] = """\
train: {epochs: 20, batch_size: 1024, optimizer: adam, early_stopping: 2}
"""

    epochs: Annotated[int, Field(ge=1)] | None = None
    """Passes over the train split; by default so many that a small split is learned in some hundred steps."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Examples in one gradient step; by default from 32 to 4096, by the rows of the train split."""
    optimizer: Annotated[Optimizer, BeforeValidator(_optimizer, json_schema_input_type=OptimizerName | Optimizer)] = (
        Optimizer()
    )
    """Optimiser and learning rate."""
    early_stopping: Annotated[int, Field(ge=1, strict=True)] | Literal[False] | None = None
    """Stops after this many epochs without a better eval loss, by default a third of `epochs`; false: never. The epoch with the best eval loss is what is exported, either way."""
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Weight of each class in the loss: `balanced` (by inverse frequency), or a number for each class by name."""
    seed: int = 42
    """Makes weights, shuffling and dropout the same in every run."""
