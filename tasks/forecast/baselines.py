"""What a forecast has to be better than: the last value again, and the values of one season before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellwerk.tables.lists import matrix
from stellwerk.tasks.counts import Array

if TYPE_CHECKING:
    from stellwerk.spec.target import Target

NAIVE, SEASONAL = "naive", "seasonal_naive"


@dataclass(frozen=True)
class Repeated:
    """Repeats the last `period` values of a column of past values, 1 for the last value alone."""

    name: str
    column: str
    period: int
    steps: int
    quantiles: int

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the examples that it reads."""
        return (self.column,)

    def predict(self, batch: pa.RecordBatch) -> Array:
        """Returns float64 [rows, steps * quantiles]; what is missing at the end of the past is the last value before it."""
        past = _filled(matrix(batch.column(self.column)).astype(np.float64))
        ahead = past[:, past.shape[1] - self.period + np.arange(self.steps) % self.period]
        return np.repeat(ahead, self.quantiles, axis=1)


def _filled(past: Array) -> Array:
    """Puts the last value that is known into the place of those missing after it, and 0 where none is."""
    there = ~np.isnan(past)
    if there.all():
        return past
    places = np.maximum.accumulate(np.where(there, np.arange(past.shape[1]), 0), axis=1)
    return np.nan_to_num(np.take_along_axis(past, places, axis=1))


def baselines(target: Target, facts: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[Repeated]:
    """Returns those that can be made of the examples with this manifest: none without past values, no seasonal one without a season.

    `facts` are the model's own, as `label.measured` has them.
    """
    column = str(facts["past"])
    kind = str(manifest["columns"].get(column, ""))
    if not kind.endswith("]"):
        return []
    length, steps, levels = int(kind.partition("[")[2][:-1]), int(facts["steps"]), len(facts["quantiles"])
    made = [Repeated(NAIVE, column, 1, steps, levels)]
    season = target.season or (manifest.get("windows") or {}).get("season")
    if season and 1 < season <= length:
        made.append(Repeated(SEASONAL, column, int(season), steps, levels))
    return made
