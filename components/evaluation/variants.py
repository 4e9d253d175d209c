"""Variants of the candidate in the formats of other runtimes, asked in those runtimes for the same rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.evaluation.predicting import Predictor
from stellwerk.components.evaluation.requirements import Check
from stellwerk.errors import ModelError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.runtimes import Variant
from stellwerk.serving.runtimes.description import VARIANTS
from stellwerk.serving.tensors import inputs_from_batch
from stellwerk.tasks.counts import Array

TRANSFORM, TRANSFORMED = "transform", "serve_transformed"
"""Signatures of the SavedModel: its half before the network, and the network."""

SAVED_MODEL = "saved_model"

_SINGLE_ROWS = 25

Inputs = Mapping[str, Array]


@dataclass
class Speed:
    """How long one runtime takes for the half behind the transform."""

    ask: Callable[[Inputs], Mapping[str, Array]]
    seconds: float = 0.0
    rows: int = 0
    one_row: float = 0.0
    """Median of several single rows, in seconds."""

    def timed(self, inputs: Inputs) -> Mapping[str, Array]:
        """Asks for a batch. The first is asked twice: what a runtime prepares once is no part of its speed."""
        if not self.rows:
            self._warm_up(inputs)
        began = time.perf_counter()
        answer = self.ask(inputs)
        self.seconds += time.perf_counter() - began
        self.rows += len(next(iter(inputs.values())))
        return answer

    def _warm_up(self, inputs: Inputs) -> None:
        single, taken = {name: values[:1] for name, values in inputs.items()}, []
        for _ in range(_SINGLE_ROWS):
            began = time.perf_counter()
            self.ask(single)
            taken.append(time.perf_counter() - began)
        self.one_row = statistics.median(taken)
        self.ask(inputs)

    def array(self) -> Array:
        """Returns seconds, rows and seconds of one row, as they travel between machines."""
        return np.array([self.seconds, self.rows, self.one_row])

    def take(self, array: Array) -> None:
        """Takes what other machines measured."""
        self.seconds, self.rows, self.one_row = float(array[0]), int(array[1]), float(array[2])

    def as_json(self) -> dict[str, float]:
        """Returns seconds a row in batches, and for a row alone."""
        return {"seconds_per_row": self.seconds / max(self.rows, 1), "seconds_one_row": self.one_row}


_SUMS = np.array([False, True, True, True, True, False])
"""Which numbers of `VariantPredictor.array` are sums: not the largest difference, and not the time of one row."""


def together(parts: Iterable[list[Array]]) -> list[Array]:
    """Puts the arrays of the variants of several machines together: sums of what are sums, the largest of the others."""
    joined: list[Array] = []
    for part in parts:
        pairs = zip(joined, part, strict=True)
        joined = [np.where(_SUMS, a + b, np.maximum(a, b)) for a, b in pairs] if joined else list(part)
    return joined


class Transformed:
    """Raw rows through the SavedModel's own transform, once for all variants."""

    def __init__(self, model: LoadedModel) -> None:
        """Raises ModelError where `model` was exported without its two halves as signatures."""
        for name in (TRANSFORM, TRANSFORMED):
            model.signature(name)
        self._model = model
        self._batch: pa.RecordBatch | None = None
        self._inputs: Inputs = {}
        self.speed = Speed(lambda inputs: model.predict(inputs, TRANSFORMED))

    def __call__(self, batch: pa.RecordBatch) -> Inputs:
        """Returns what the network sees of `batch`, [rows, ...] by name."""
        if batch is not self._batch:
            raw = inputs_from_batch(batch, self._model.signature(TRANSFORM).inputs)
            self._batch, self._inputs = batch, self._model.predict(raw, TRANSFORM)
            self.speed.timed(self._inputs)
        return self._inputs


@dataclass
class VariantPredictor:
    """A variant that is asked for what the candidate is asked for, and how far its answers are from the candidate's."""

    candidate: Predictor
    variant: Variant
    transformed: Transformed
    speed: Speed = field(init=False)
    largest: float = 0.0
    total: float = 0.0
    values: int = 0

    def __post_init__(self) -> None:
        self.speed = Speed(self.variant.predict)

    @property
    def format(self) -> str:
        """Name of its format, as in `push.formats`."""
        return self.variant.format

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns the predictions for a batch of examples, [rows, outputs]. Raises ModelError where they are not finite."""
        answer = self.speed.timed(self.transformed(batch))[self.candidate.output]
        predictions: Array = answer.reshape(batch.num_rows, -1)
        bad = np.count_nonzero(~np.isfinite(predictions).all(axis=1))
        if bad:
            raise ModelError(
                f"{self.format}: the variant predicts NaN or infinity for {bad} of {batch.num_rows} examples, and the "
                "SavedModel does not: its numbers are too small for this model. Take it out of push.formats."
            )
        return predictions

    def compare(self, candidate: Array, own: Array) -> None:
        """Notes how far predictions for the same rows are apart."""
        apart = np.abs(candidate.astype(np.float64) - own)
        self.largest = max(self.largest, float(apart.max(initial=0.0)))
        self.total += float(apart.sum())
        self.values += apart.size

    def array(self) -> Array:
        """Returns how far predictions are apart and how long they took, as that travels between machines."""
        return np.concatenate([[self.largest, self.total, self.values], self.speed.array()])

    def since(self, before: Array) -> Array:
        """Returns the `array` of what came after another of them; what is no sum stays as it is."""
        return np.where(_SUMS, self.array() - before, self.array())

    def take(self, array: Array) -> None:
        """Takes what other machines found, see `together`."""
        self.largest, self.total, self.values = float(array[0]), float(array[1]), int(array[2])
        self.speed.take(array[3:])

    def as_json(self, metrics: Mapping[str, float | None], checks: Sequence[Check]) -> dict[str, Any]:
        """Returns the row of `evaluation.json`; `checks` are its requirements."""
        return {
            "format": self.format,
            "bytes": self.variant.bytes,
            "metrics": dict(metrics),
            "difference": {"max": self.largest, "mean": self.total / max(self.values, 1)},
            **self.speed.as_json(),
            "ok": all(check.ok for check in checks),
        }


def saved_model_row(
    transformed: Transformed, path: Path, metrics: Mapping[str, float | None], ok: bool
) -> dict[str, Any]:
    """Returns the row of `evaluation.json` that the variants are held against: the SavedModel itself."""
    files = [file for file in path.rglob("*") if file.is_file() and VARIANTS not in file.relative_to(path).parts[:1]]
    return {
        "format": SAVED_MODEL,
        "bytes": sum(file.stat().st_size for file in files),
        "metrics": dict(metrics),
        "difference": {"max": 0.0, "mean": 0.0},
        **transformed.speed.as_json(),
        "ok": ok,
    }
