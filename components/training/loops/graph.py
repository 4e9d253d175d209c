"""`loop: graph`: the steps are made inside TensorFlow's graph, many in one call; here are the epochs around them.

Early stopping goes by the eval loss, and after an epoch there is a checkpoint, from which a killed training goes on as if it had not been.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

from stellwerk.components.training.checkpoint import State
from stellwerk.components.training.fitting import assign, values_of
from stellwerk.components.training.loops.base import Course, Trained

SHARES_BATCHES = True

CHECKPOINT_SHARE = 10
"""A training spends at most one part in so many on its checkpoints: short epochs share one."""


def loop(course: Course) -> Epochs:
    """Returns the loop."""
    return Epochs(course)


class Epochs:
    """Trains for `settings.epochs` epochs, or until the eval loss no longer falls; the settings leave nothing open, see `pace`."""

    def __init__(self, course: Course) -> None:
        self._settings, self._passes, self._fitting = course.settings, course.passes, course.passes.fitting
        self._checkpoint, self._progress = course.checkpoint, course.progress
        self._saved = self._saving = 0.0
        self._rows = course.passes.reader.rows("train")

    def prepare(self) -> None:
        """Makes the graphs of a step that learns and of one that judges."""
        self._fitting.trace()

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
        before, total = (epoch - 1) * self._rows, self._settings.epochs * self._rows
        seed = (self._settings.seed % 2**32, epoch)
        learned = self._passes.learn(epoch, seed, lambda rows: self._progress(before + rows, total, "rows"))
        seconds = perf_counter() - began
        return {
            "epoch": epoch,
            **learned,
            **self._passes.judge(epoch),
            "seconds": round(perf_counter() - began, 3),
            "rows_per_second": round(self._rows / seconds),
        }
