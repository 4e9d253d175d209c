"""`loop: train.py:fit`: a training loop of the user's own."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.training.batches import judged_by, learned_from
from stellwerk.components.training.fitting import row_losses
from stellwerk.components.training.loops.base import Course, Trained
from stellwerk.components.training.packing import Packing
from stellwerk.errors import HookError, StellwerkError
from stellwerk.tasks.heads import Head

RETURN = (
    "Return what was measured: a dict with a list of numbers, one an epoch, for each of 'loss', 'val_loss' and whatever else, "
    "as keras.Model.fit(...).history is."
)


@dataclass(frozen=True)
class Settings:
    """What the fourth argument of a loop has: the section `train` of the spec, with nothing left open, and a place to keep things."""

    epochs: int
    """Passes over the train split, at most."""
    batch_size: int
    steps: int
    """Batches of one pass over the train split."""
    early_stopping: int | bool
    """Epochs without a lower loss on the eval split after which to stop; False: never."""
    seed: int
    """Of the random numbers; those of Keras, NumPy and Python have been seeded with it."""
    folder: Path | None
    """Outlives a killed attempt at the same training, and is empty before the first; None where nothing does."""


@dataclass(frozen=True)
class ByHook:
    """Makes the loop that calls a user's own function.

    `fn(model, train, validation, settings)` is given

    - `model`: the `keras.Model`, built and compiled with the optimiser of the spec and the loss of the target. It answers
      [batch, outputs], or [batch, members, outputs] where members learn side by side;
    - `train` and `validation`: `tf.data.Dataset`s of `({input: array [batch, ...]}, labels [batch])`. Every pass over `train` has
      all its rows in another order, which the seed of the spec decides;
    - `settings`: see `Settings`.

    It leaves in the model the weights that are to be exported, and returns the history: a dict of lists with one number an
    epoch, or the object that `model.fit` returns. `loss` and `val_loss`, as the compiled model has them, must be in it.
    """

    SHARES_BATCHES = False

    reference: str
    function: Callable[..., Any]

    @classmethod
    def load(cls, reference: str, hooks: Mapping[str, str]) -> ByHook:
        """Finds the function. Raises HookError where its file does not import or does not have it."""
        return cls(reference, load_hook(hooks, reference))

    @property
    def loop(self) -> Callable[[Course], OwnLoop]:
        """Makes the loop."""
        return lambda course: OwnLoop(self, course)


class OwnLoop:
    """Calls the function, sees that what it left can be exported, and measures that.

    `hooks.timeout_seconds` bounds the import of its file and not the call: a training takes as long as its rows need. A killed run
    calls it again, with what it has kept in `settings.folder`.
    """

    def __init__(self, hook: ByHook, course: Course) -> None:
        self._hook, self._course = hook, course

    def prepare(self) -> None:
        """Makes the graph that judges, and compiles the model."""
        course = self._course
        course.passes.fitting.trace(learn=False)
        loss = _Loss(course.passes.head, course.passes.reader.packing)
        course.network.learns.compile(optimizer=course.optimizer, loss=loss)

    def run(self) -> Trained:
        """Returns the history. What it says of the epoch with the lowest eval loss is measured here, on the weights that are exported.

        Raises HookError where the function raises, returns something else than a history, or leaves weights that are no numbers.
        """
        began = perf_counter()
        epochs = self._history(self._called())
        seconds = (perf_counter() - began) / len(epochs)
        self._refuse_strange_weights()
        best = 1 + int(np.argmin([epoch["eval_loss"] for epoch in epochs]))
        epochs[best - 1] |= self._course.passes.judge(best)
        rate = round(self._course.passes.reader.rows("train") / seconds)
        entries = [
            {"epoch": place, **measured, "seconds": round(seconds, 3), "rows_per_second": rate}
            for place, measured in enumerate(epochs, start=1)
        ]
        return Trained(entries, best, len(epochs) < self._course.settings.epochs, 0)

    def _called(self) -> Any:
        course, settings = self._course, self._course.settings
        reader = course.passes.reader
        total = settings.epochs * reader.rows("train")
        given = Settings(
            settings.epochs,
            settings.batch_size,
            reader.steps("train"),
            settings.early_stopping or False,
            settings.seed,
            course.checkpoint.for_a_loop(),
        )
        train = learned_from(
            reader, settings.seed % 2**32, lambda done: course.progress(min(done, total), total, "rows")
        )
        try:
            return self._hook.function(course.network.learns, train, judged_by(reader), given)
        except StellwerkError:
            raise
        except (Exception, SystemExit) as error:
            path = self._hook.reference.rpartition(":")[0]
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
            line = f" (line {lines[-1]})" if lines else ""
            raise HookError(
                f"train.loop: {self._hook.reference}{line} raised {type(error).__name__}: {error}. "
                "It was called with (model, train, validation, settings)."
            ) from error

    def _history(self, made: Any) -> list[dict[str, float]]:
        """Returns what was measured in each epoch, with Keras' `val_` as `eval_`, and losses in the unit in which they are shown."""
        where = f"train.loop: {self._hook.reference} returned"
        series = getattr(made, "history", made)
        if not isinstance(series, Mapping):
            raise HookError(f"{where} {type(made).__name__}. {RETURN}")
        for name in ("loss", "val_loss"):
            if name not in series:
                raise HookError(
                    f"{where} a history of {', '.join(map(str, series)) or 'nothing'}, without '{name}'. {RETURN}"
                )
        columns = {str(name): _numbers(values) for name, values in series.items()}
        for name, values in columns.items():
            if values is None:
                raise HookError(f"{where} a history whose '{name}' is no list of finite numbers. {RETURN}")
        lengths = {name: len(values) for name, values in columns.items() if values is not None}
        if set(lengths.values()) != {lengths["loss"]} or not lengths["loss"]:
            said = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            raise HookError(f"{where} a history with these numbers of epochs: {said}. {RETURN}")
        unit = self._course.passes.head.loss_unit
        return [
            {
                _called(name): values[place] * (unit if name in ("loss", "val_loss") else 1.0)
                for name, values in columns.items()
                if values is not None
            }
            for place in range(lengths["loss"])
        ]

    def _refuse_strange_weights(self) -> None:
        for variable in self._course.network.learns.trainable_variables:
            strange = int((~np.isfinite(variable.numpy())).sum())
            if strange:
                raise HookError(
                    f"train.loop: {self._hook.reference} left {strange} weights of '{variable.path}' that are NaN or infinite. "
                    "Lower the learning rate, or stop before the loss runs away."
                )


class _Loss(keras.losses.Loss):  # type: ignore[misc]
    """The loss of the target as Keras takes it, in the unit that does not depend on the label's."""

    def __init__(self, head: Head, packing: Packing) -> None:
        super().__init__(name="loss")
        self._head, self._type = head, tf.int32 if packing.whole_label else tf.float32
        self._shape = packing.label_shape

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each row [batch]."""
        labels = tf.reshape(y_true, [-1, *self._shape])  # Keras makes a float of it
        return row_losses(self._head, tf.cast(labels, self._type), y_pred)


def _called(name: str) -> str:
    return f"eval_{name.removeprefix('val_')}" if name.startswith("val_") else name


def _numbers(values: Any) -> list[float] | None:
    """Returns the numbers of a list; None where it is none, or has others than finite ones."""
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        return None
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
