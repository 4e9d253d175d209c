"""Forecasts: what is counted of them, over all steps and step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stellwerk.tasks.counts import Array, Sums
from stellwerk.tasks.forecast.formulas import ForecastCounts
from stellwerk.tasks.forecast.rows import middle
from stellwerk.tasks.formula import formulas
from stellwerk.tasks.intervals import Interval

COLUMNS = 9


def new_tally(
    classes: Sequence[str],  # noqa: ARG001 - there are none
    threshold: float,  # noqa: ARG001
    wanted: Sequence[str],
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> ForecastTally:
    """Returns an empty tally."""
    return ForecastTally(wanted)


class ForecastTally:
    """Sums for each slice, and for each step of the whole split."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)
        formulas("forecast", self._wanted)  # refuses now, and not when the rows are counted
        self._quantiles, self._scale = np.array([0.5]), np.nan
        self._sums = Sums(COLUMNS)
        self._steps = np.zeros((3, 0))

    def know(self, facts: Mapping[str, Any]) -> None:
        """Takes the model's own facts: its quantiles, and the error of the naive forecast of one step in the train split."""
        self._quantiles = np.array(facts["quantiles"], np.float64)
        self._scale = float(facts["naive_error"] or np.nan)

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds labels [rows, steps] and predictions [rows, steps * quantiles]."""
        y = labels.astype(np.float64)
        levels = predictions.reshape(*y.shape, -1).astype(np.float64)
        p = middle(labels, predictions).astype(np.float64)
        error, size = y - p, np.abs(y) + np.abs(p)
        relative = np.divide(2 * np.abs(error), size, out=np.zeros_like(size), where=size > 0)
        missed = y[..., None] - levels
        pinball = np.maximum(self._quantiles * missed, (self._quantiles - 1) * missed).mean(axis=2)
        measures = [found.mean(axis=1) for found in (np.abs(error), error**2, relative, pinball)]
        columns = [np.ones(len(y)), *(part for one in measures for part in (one, one**2))]
        for numbers in groups:
            self._sums.add(numbers, columns)
        self._grow(y.shape[1])
        self._steps += [np.full(y.shape[1], len(y)), np.abs(error).sum(axis=0), (error**2).sum(axis=0)]

    def _grow(self, steps: int) -> None:
        if self._steps.shape[1] < steps:
            self._steps = np.pad(self._steps, [(0, 0), (0, steps - self._steps.shape[1])])

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns sums by slice and by step."""
        return {"sums": self._sums.table(slices), "steps": self._steps}

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds what another tally has."""
        self._sums.take(arrays["sums"], numbers)
        self._grow(arrays["steps"].shape[1])
        if arrays["steps"].shape[1]:
            self._steps += arrays["steps"]

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice."""
        return self._sums.table(slices)[:, 0].astype(np.int64)

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns every standard metric of a forecast for each slice."""
        counts = self._counted(slices)
        return {name: formula.value(counts) for name, formula in formulas("forecast", self._wanted).items()}

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns where each of them lies with 95 % confidence, as if rows did not depend on each other."""
        counts = self._counted(slices)
        return {name: formula.interval(counts) for name, formula in formulas("forecast", self._wanted).items()}

    def _counted(self, slices: int) -> ForecastCounts:
        return replace(ForecastCounts(*self._sums.table(slices).T), scale=self._scale)

    def confusions(self, slices: int) -> list[Array]:
        """A forecast has no confusion matrix."""
        return [np.zeros((0, 3), np.int64)] * slices

    def details(self) -> dict[str, Any]:
        """Returns the errors of each step ahead over the whole split."""
        n, absolute, squared = self._steps
        found = {"mae": absolute / np.maximum(n, 1)}
        found["rmse"] = np.sqrt(squared / np.maximum(n, 1))
        return {"curves": {}, "horizon": {name: values.tolist() for name, values in found.items()}}
