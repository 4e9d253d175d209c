"""The rows on which the model is most wrong: often they show a wrong label, a broken value, or what the model lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.evaluation.pictures import picture_of
from stellwerk.components.evaluation.predicting import Predictor
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import RowsPart

ROWS = 10
MOST_COLUMNS = 40
LONGEST = 200
"""Letters of a text that is shown."""


def worst_rows(
    batch: pa.RecordBatch, *, labels: Array, predictions: Array, lost: Array, predictor: Predictor, target: Target
) -> list[dict[str, Any]]:
    """Returns the rows with the largest loss, the largest first: what is in them, what was true, and what was predicted. A row whose class was found is none of them.

    `certainty` is the probability that the model gave to what it predicted; None where there is none.
    """
    task: RowsPart = TASKS.part(target.type, "rows")
    order = np.argsort(-lost, kind="stable")
    columns = [name for name in batch.schema.names if name != target.column][:MOST_COLUMNS]
    found: list[dict[str, Any]] = []
    for row in order[:ROWS].tolist():
        said = task.said(labels[row], predictions[row], predictor.classes)
        if said["actual"] != said["predicted"]:
            shown = {name: _plain(batch.column(name), row) for name in columns}
            found.append({"row": shown, **said, "loss": float(lost[row])})
    return found


def _plain(column: pa.Array, row: int) -> Any:
    """Returns a value as JSON has it: texts cut, lists by their length, bytes as the picture that they are or by their length, NaN as missing, 32 bits without what they add."""
    value = column[row].as_py()
    if isinstance(value, list):
        return f"{len(value):,} numbers, the last of them {value[-1]:.6g}"
    if isinstance(value, bytes):
        return picture_of(value) or f"{len(value):,} bytes"
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value
