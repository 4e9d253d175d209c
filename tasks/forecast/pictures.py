"""Some forecasts beside what came, for the report: of each series the last ones of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.tables.lists import is_list, matrix
from stellwerk.tasks.counts import Array

MOST_SERIES, EACH = 6, 2
PAST_SHOWN = 3
"""So many times as long as the forecast the past before it is shown."""


def columns(facts: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """Returns the columns that are read beside those of the model: the past of the target, the series, and the moment."""
    windows = manifest.get("windows") or {}
    wanted = [facts["past"], *windows.get("key", ()), *([windows["order"]] if windows else [])]
    return [column for column in wanted if column in manifest["columns"]]


def pictures(
    batch: pa.RecordBatch, labels: Array, predictions: Array, facts: Mapping[str, Any], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns `forecasts` for `evaluation.json`: name of the series, moment, past, truth, and each quantile of the forecast."""
    windows, steps = manifest.get("windows") or {}, labels.shape[1]
    keys = [column for column in windows.get("key", ()) if column in batch.schema.names]
    names = (
        list(zip(*(batch.column(column).to_pylist() for column in keys), strict=True)) if keys else [()] * len(labels)
    )
    past = None
    if facts["past"] in batch.schema.names and is_list(batch.column(facts["past"]).type):
        past = matrix(batch.column(facts["past"]))[:, -PAST_SHOWN * steps :]
    moments = batch.column(windows["order"]).to_pylist() if windows.get("order") in batch.schema.names else None
    levels = predictions.reshape(len(labels), steps, -1)
    found = [
        {
            "series": ", ".join(f"{key} {value}" for key, value in zip(keys, names[row], strict=True)),
            "moment": moments[row] if moments is not None else None,
            "past": _numbers(past[row]) if past is not None else [],
            "truth": _numbers(labels[row]),
            "forecast": [_numbers(levels[row, :, level]) for level in range(levels.shape[2])],
        }
        for row in _chosen(names)
    ]
    return {"forecasts": {"quantiles": list(facts["quantiles"]), "shown": found}}


def _chosen(names: list[tuple[Any, ...]]) -> list[int]:
    """Returns rows of some series: of one alone several, spread evenly."""
    series = list(dict.fromkeys(names))[:MOST_SERIES]
    each = EACH if len(series) > 1 else MOST_SERIES
    chosen: list[int] = []
    for one in series:
        rows = [row for row, name in enumerate(names) if name == one]
        chosen += [rows[place] for place in np.unique(np.linspace(0, len(rows) - 1, each).round().astype(int))]
    return chosen


def _numbers(values: Array) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
