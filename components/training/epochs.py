"""The outer loop: epochs, their measures, early stopping, and a checkpoint after each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from stellwerk.ahead import read_ahead
from stellwerk.components.training.checkpoint import Checkpoint, State
from stellwerk.components.training.fitting import Fitting, assign, values_of
from stellwerk.components.training.pace import Paced
from stellwerk.components.training.packing import Chunk
from stellwerk.components.training.reading import READ_AHEAD, Reader
from stellwerk.errors import StepFailed
from stellwerk.progress import Progress
from stellwerk.tasks.heads import Head

CHECKPOINT_SHARE = 10
"""A training spends at most one part in so many on its checkpoints: short epochs share one."""


@dataclass(frozen=True)
class Trained:
    """How a training went."""

    epochs: list[dict[str, Any]]
    best_epoch: int
    """The epoch with the lowest eval loss, from 1."""
    stopped_early: bool
    resumed_from_epoch: int
    """Epochs that an earlier, killed attempt had finished; 0 without one."""


class Epochs:
    """Trains for `settings.epochs` epochs, or until the eval loss no longer falls; `settings` leave nothing open, see `pace`."""

    def __init__(  # noqa: PLR0917 - the parts of a training, each with a name of its own
        self,
        settings: Paced,
        fitting: Fitting,
        head: Head,
        reader: Reader,
        checkpoint: Checkpoint,
        progress: Progress,
    ) -> None:
        self._settings, self._fitting, self._head, self._reader = settings, fitting, head, reader
        self._checkpoint, self._progress = checkpoint, progress
        self._saved = self._saving = 0.0
        self._rows = {split: reader.examples.rows(split) for split in ("train", "eval")}

    def run(self) -> Trained:
        """Trains, and leaves in the model the weights of the epoch with the best eval loss.

        Raises StepFailed when the loss is no finite number.
        """
        state = self._checkpoint.read() or State()
        resumed = len(state.epochs)
        if resumed:
            assign(self._fitting.variables, state.now)
            state.now = []
        while not self._is_over(state):
            state.epochs.append(self._epoch(len(state.epochs) + 1))
            self._keep_best(state)
            self._save(state)
        if state.best:
            assign(self._fitting.model_variables, state.best)
        return Trained(state.epochs, state.best_epoch, len(state.epochs) < self._settings.epochs, resumed)

    def judge(self, epoch: int) -> dict[str, float]:
        """Returns loss and measures of the model as it is now on the eval split, each with `eval_` before its name."""
        with read_ahead(self._reader.in_order("eval"), READ_AHEAD) as chunks:
            judged = self._pass(chunks, epoch, learn=False)
        return {f"eval_{name}": value for name, value in judged.items()}

    def _save(self, state: State) -> None:
        """Writes a checkpoint, unless the last one took more than a tenth of the time since."""
        began = perf_counter()
        if began - self._saved >= CHECKPOINT_SHARE * self._saving:
            self._checkpoint.write(state, values_of(self._fitting.variables))
            self._saved = perf_counter()
            self._saving = self._saved - began

    def _is_over(self, state: State) -> bool:
        done = len(state.epochs)
        patience = self._settings.early_stopping or math.inf
        return done >= self._settings.epochs or done - state.best_epoch >= patience

    def _keep_best(self, state: State) -> None:
        loss = state.epochs[-1]["eval_loss"]
        if loss < state.best_loss:
            state.best_loss, state.best_epoch = loss, len(state.epochs)
            state.best = values_of(self._fitting.model_variables)

    def _epoch(self, epoch: int) -> dict[str, Any]:
        began = perf_counter()
        seed = (self._settings.seed % 2**32, epoch)
        with read_ahead(self._reader.shuffled("train", seed), READ_AHEAD) as chunks:
            learned = self._pass(chunks, epoch, learn=True)
        seconds = perf_counter() - began
        return {
            "epoch": epoch,
            **learned,
            **self.judge(epoch),
            "seconds": round(perf_counter() - began, 3),
            "rows_per_second": round(self._rows["train"] / seconds),
        }

    def _pass(self, chunks: Iterable[Chunk], epoch: int, learn: bool) -> dict[str, float]:
        measures = self._head.measures()
        rows, loss = 0, 0.0
        before, total = (epoch - 1) * self._rows["train"], self._settings.epochs * self._rows["train"]
        for chunk in chunks:
            for seen in self._fitting.run(chunk, learn):
                self._refuse_nonsense(seen.loss, epoch, rows, learn)
                loss += seen.loss
                rows += len(seen.labels)
                measures.add(seen.labels, seen.values)
                if learn:
                    self._progress(before + rows, total, "rows")
        return {"loss": loss / rows, **measures.result()}

    def _refuse_nonsense(self, loss: float, epoch: int, rows: int, learn: bool) -> None:
        if not math.isfinite(loss):
            split = "train" if learn else "eval"
            raise StepFailed(
                f"The loss became {loss} in epoch {epoch}, after {rows} rows of the {split} split: the weights have run "
                f"away. Lower train.optimizer.learning_rate (now {self._settings.optimizer.learning_rate:g}), scale number "
                "features that have 'scale: none', and look at the statistics for values far out."
            )
