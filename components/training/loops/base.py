"""What a training loop is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from stellwerk.components.training.checkpoint import Checkpoint
from stellwerk.components.training.fitting import Network
from stellwerk.components.training.pace import Paced
from stellwerk.components.training.passing import Passes
from stellwerk.progress import Progress


@dataclass(frozen=True)
class Course:
    """All that a training has, whichever loop goes through it."""

    settings: Paced
    """The section `train` with nothing left open."""
    network: Network
    optimizer: Any
    """The Keras optimiser that the spec names, made for the steps of the whole training."""
    passes: Passes
    """The reader of the rows, the loss, and passes over them: a loop may learn by its own steps and measure by these."""
    checkpoint: Checkpoint
    progress: Progress


@dataclass(frozen=True)
class Trained:
    """How a training went."""

    epochs: list[dict[str, Any]]
    """The history: what was measured in each epoch, `loss` and `eval_loss` in all of them."""
    best_epoch: int
    """The epoch with the lowest eval loss, from 1; its weights are exported."""
    stopped_early: bool
    resumed_from_epoch: int
    """Epochs that an earlier, killed attempt had finished; 0 without one."""


class Loop(Protocol):
    """Goes through a course once."""

    def prepare(self) -> None:
        """Makes the graphs that the first rows would wait for; afterwards another thread traces the same layers."""

    def run(self) -> Trained:
        """Trains, and leaves in the network the weights that are exported.

        Raises StepFailed when the loss is no finite number, and HookError where code of the user's own misbehaves.
        """


class Looping(Protocol):
    """What makes loops: a module, or a function of the user's own."""

    SHARES_BATCHES: bool
    """Whether its loop learns a batch in parts side by side, so that each operation needs fewer cores."""

    @property
    def loop(self) -> Callable[[Course], Loop]:
        """Makes a loop for a course."""
