"""The label of a forecast: a list of the next values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.tables.lists import matrix
from stellwerk.tasks.counts import Array
from stellwerk.tasks.labels import Labels
from stellwerk.tasks.quantities import Extent

if TYPE_CHECKING:
    from stellwerk.spec.target import Target

MEDIAN = 0.5


def answers(target: Target) -> Extent:
    """Returns what takes the target's column over all splits."""
    return Extent(target, matrix)


def encode(column: pa.Array, classes: Sequence[str]) -> Array:  # noqa: ARG001 - there are none
    """Returns the numbers of each row, float32 [rows, steps]; NaN for what is missing."""
    return matrix(column)


def known(labels: Array) -> Array:
    """Returns which rows have all their numbers."""
    finite: Array = np.isfinite(labels).all(axis=1)
    return finite


def measured(batches: Iterable[Array], target: Target, classes: Sequence[str]) -> Labels:  # noqa: ARG001 - there are none
    """Returns what the train split's lists are like; `deviation` is that of a list from its own mean, where it has one.

    So the loss is in a unit that errors of a forecast have, whatever the level and the trend. Raises DataError where all are the same.
    """
    rows, steps, sums, within, jumps = 0, 0, np.zeros(2), 0.0, 0.0
    for values in batches:
        if not len(values):
            continue
        rows, steps = rows + len(values), values.shape[1]
        sums += [values.mean(axis=1).sum(), np.square(values).mean(axis=1).sum()]
        within += float(values.var(axis=1).sum())
        jumps += float(np.abs(np.diff(values, axis=1)).mean(axis=1).sum()) if steps > 1 else 0.0
    mean = float(sums[0] / rows)
    deviation = float(np.sqrt(within / rows)) or float(np.sqrt(max(sums[1] / rows - mean**2, 0.0)))
    if not deviation:
        raise DataError(
            f"Column '{target.column}' has only the value {mean:g} in the train split: there is nothing to learn. "
            "Check target.column and data.query."
        )
    facts: dict[str, Any] = {
        "steps": steps,
        "quantiles": list(target.quantiles or [MEDIAN]),
        "naive_error": jumps / rows if jumps else None,
        "loss": "pinball" if target.quantiles else target.loss or "huber",
        "past": target.past_column,
        "output": "quantiles" if target.quantiles else "predictions",
    }
    return Labels(rows, np.empty(0), mean, deviation, facts)


def trivial(labels: Labels) -> list[float]:  # noqa: ARG001 - the naive forecast needs the row
    """Returns nothing: what is simplest here is no constant, see `baselines`."""
    return []
