"""Rows of one series on a grid of equal steps, where a gap is a place without values, and the moments that follow them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]

MONTH = 30.436875 * 86_400
"""Seconds of a month, on average over 400 years."""
LIKE_MONTHS = 0.05
"""A step so near to a number of months is one of the calendar, where rows lie so."""


def numbers(rows: pa.RecordBatch, name: str) -> Array:
    """Returns a column as float64; what is missing is NaN."""
    column = rows.column(rows.schema.get_field_index(name))
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(float("nan")))


def on_grid(values: Array, places: Array, size: int) -> Array:
    """Returns float32 [size] with the values at their places, and NaN elsewhere."""
    grid = np.full(size, np.nan, np.float32)
    grid[places] = values
    return grid


def filled(grid: Array, most: int) -> Array:
    """Puts the last value that is known into the gap behind it, `most` places far."""
    places = np.maximum.accumulate(np.where(np.isnan(grid), -1, np.arange(len(grid))))
    near = (places >= 0) & (np.arange(len(grid)) - places <= most)
    found: Array = np.where(near, grid[places], np.float32(np.nan))
    return found


def ahead(moments: Array, step: float, steps: int, *, by_calendar: bool) -> Array:
    """Returns the moments of the next `steps` behind the last of `moments`, float64.

    `by_calendar`, where these are seconds, steps of months go from the same day (or the same distance from the end) of one month to that of another.
    """
    count = np.arange(1, steps + 1)
    months = round(step / MONTH)
    if by_calendar and months and abs(step - months * MONTH) <= LIKE_MONTHS * step:
        at = moments.astype("datetime64[s]")
        begun = at.astype("datetime64[M]")
        for turn in (begun, begun + 1):
            apart = at - turn.astype("datetime64[s]")
            if (apart == apart[-1]).all():
                behind = (turn[-1] + months * count).astype("datetime64[s]") + apart[-1]
                return np.asarray(behind.astype(np.int64), np.float64)
    return np.asarray(moments[-1] + step * count, np.float64)
