"""`train`: how the network learns."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)

from stellwerk.errors import PlugInError, did_you_mean
from stellwerk.families import Family
from stellwerk.section import HOOK, PATTERNS, Section

LOOPS = Family(
    "loops", "training loop", {"graph": "stellwerk.components.training.loops.graph"}, names=("loop", "SHARES_BATCHES")
)
"""Training loops by the name that `train.loop` gives them: modules, see `stellwerk.components.training.loops`."""

USUAL_LOOP = "graph"

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


class Focal(Section):
    """The focal loss (Lin et al., 2017, arXiv:1708.02002, equation 5): -alpha (1 - p)^gamma log(p) for the probability p of a row's class. A plain name is short for `{type: ...}`."""

    EXAMPLE: ClassVar[str] = """\
train: {loss: {type: focal, gamma: 2, alpha: 0.75}}
"""

    type: Literal["focal"]
    gamma: Annotated[float, Field(gt=0)] = 2.0
    """How much less a row counts that is answered rightly and surely: one of p = 0.9 a hundredth for 2, a tenth for 1."""
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = None
    """binary: weight of the positive class, and 1 - alpha that of the other; by default both count the same. Of several classes `class_weights` has one for each."""


def _by_name(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def is_hook(loop: str) -> bool:
    """Tells whether a loop is a function of the user's own and no member of the family."""
    return ".py:" in loop


def _known_loop(name: str) -> str:
    if is_hook(name):
        if re.search(HOOK, name) is None:
            raise ValueError(f"{PATTERNS[HOOK]}. Received: '{name}'")
        return name
    if name not in LOOPS:
        known = f"Known: {', '.join(LOOPS)}, or a function of your own (train.py:fit)"
        raise ValueError(f"unknown training loop '{name}'.{did_you_mean(name, LOOPS)} {known}")
    try:
        LOOPS.see(name)
    except PlugInError as error:
        raise ValueError(str(error)) from error
    return name


Loop = Annotated[
    str,
    AfterValidator(_known_loop),
    WithJsonSchema({"anyOf": [{"enum": list(LOOPS)}, {"type": "string", "pattern": HOOK}]}),
]


class Train(Section):
    """How the network learns."""

    EXAMPLE: ClassVar[str] = """\
train: {epochs: 20, batch_size: 1024, optimizer: adam, early_stopping: 2}
"""

    epochs: Annotated[int, Field(ge=1)] | None = None
    """Passes over the train split; by default so many that a small split is learned in some hundred steps."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Examples in one gradient step; by default from 32 to 4096, by the rows of the train split."""
    optimizer: Annotated[Optimizer, BeforeValidator(_by_name, json_schema_input_type=OptimizerName | Optimizer)] = (
        Optimizer()
    )
    """Optimiser and learning rate."""
    early_stopping: Annotated[int, Field(ge=1, strict=True)] | Literal[False] | None = None
    """Stops after this many epochs without a better eval loss, by default a third of `epochs`; false: never. The epoch with the best eval loss is what is exported, either way."""
    loss: Annotated[Focal, BeforeValidator(_by_name, json_schema_input_type=Literal["focal"] | Focal)] | None = None
    """What is minimised, by default what suits the target: of classes cross-entropy. `focal` lets rows that are easy count less, where one class is rare. Its probabilities are nearer to the middle, so look at `calibration`."""
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Weight of each class in the loss: `balanced` (by inverse frequency), or a number for each class by name."""
    rebalance: Literal["oversample", "undersample"] | None = None
    """Gives the network each class equally often in every pass, and nothing else in the run: `oversample` repeats rows of rare classes, `undersample` leaves out others of frequent ones in each pass."""
    seed: int = 42
    """Makes weights, shuffling and dropout the same in every run."""
    loop: Loop = USUAL_LOOP
    """How the steps are made: `graph`, many of them in one call of TensorFlow's graph, or a function of your own, `file.py:name`."""

    @model_serializer(mode="wrap")
    def _said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what says no more than its absence: what travels, and the key of the cache, are those of before it could be said."""
        said: dict[str, Any] = write(self)
        if said.get("loop") == USUAL_LOOP:
            del said["loop"]
        for key in ("rebalance", "loss"):
            if said.get(key) is None:
                said.pop(key, None)
        return said
