"""Baselines of the simplest kind, asked for the same rows as the model: what a model has to be better than to be worth serving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation.predicting import Predictor
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import Baseline, BaselinesPart

TRIVIAL, LINEAR = "trivial", "linear"
"""Their names: in `evaluation.json`, and in the spec's `over`."""


class Trivial:
    """Answers the same for every row: the mean of the train split, or the shares of its classes."""

    name = TRIVIAL
    columns: tuple[str, ...] = ()

    def __init__(self, answer: list[float]) -> None:
        self._answer = np.array([answer], np.float64)

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns the answer [rows, outputs]."""
        return np.repeat(self._answer, batch.num_rows, axis=0)


class Linear:
    """A logistic or linear regression on what the network sees, which train puts beside the model."""

    name = LINEAR
    columns: tuple[str, ...] = ()

    def __init__(self, candidate: Predictor) -> None:
        self._candidate = candidate

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns its predictions, [rows, outputs], for the batch that the candidate was asked for last."""
        return self._candidate.linear(batch)


Simple = Trivial | Linear | Baseline


def simple_models(candidate: Predictor, target: Target, examples: Examples) -> tuple[Simple, ...]:
    """Returns the baselines of the task's own, or those that the candidate was exported with; none for a model of another hand."""
    part: BaselinesPart | None = TASKS.find(target.type, "baselines")
    if part is not None:
        return tuple(part.baselines(target, candidate.facts, examples.manifest)) if candidate.facts else ()
    trivial: Any = candidate.about.get("trivial")
    known = [Trivial(trivial)] if trivial else []
    return (*known, *([Linear(candidate)] if candidate.has_linear else []))
