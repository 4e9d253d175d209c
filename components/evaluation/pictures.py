"""Values that are drawn rather than read: some of each class, and those of the rows that a model is most wrong about."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from stellwerk.components.evaluation.predicting import Predictor
from stellwerk.kinds import KINDS
from stellwerk.kinds.parts import drawing
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import RowsPart

OF_A_CLASS, MOST_CLASSES = 6, 16
"""Pictures of a class, and classes, that are shown."""

LOOKED_AT = 2_000
"""Rows among which they are looked for."""


def picture_of(value: bytes) -> dict[str, str] | None:
    """Returns bytes as evaluation.json has a picture, `{"picture": "data:..."}`; None where no kind draws them."""
    kinds = (drawing(kind) for kind in KINDS)
    found = (kind.drawn(value) for kind in kinds if kind is not None)
    uri = next((uri for uri in found if uri is not None), None)
    return None if uri is None else {"picture": uri}


def gallery(
    batch: pa.RecordBatch, *, labels: Array, predictions: Array, predictor: Predictor, target: Target
) -> list[dict[str, Any]]:
    """Returns for each column of pictures some of each class, `{"column", "classes": [{"class", "pictures": [uri]}]}`."""
    if not target.about.has_classes:
        return []
    task: RowsPart = TASKS.part(target.type, "rows")
    chosen: dict[str, list[int]] = {}
    for row in range(min(batch.num_rows, LOOKED_AT)):
        name = str(task.said(labels[row], predictions[row], predictor.classes)["actual"])
        if (name in chosen or len(chosen) < MOST_CLASSES) and len(chosen.setdefault(name, [])) < OF_A_CLASS:
            chosen[name].append(row)
    found = []
    for field in batch.schema:
        if pa.types.is_binary(field.type):
            shown = [
                {"class": name, "pictures": _drawn(batch.column(field.name), rows)}
                for name, rows in sorted(chosen.items())
            ]
            if any(one["pictures"] for one in shown):
                found.append({"column": field.name, "classes": shown})
    return found


def _drawn(column: pa.Array, rows: list[int]) -> list[str]:
    made = (picture_of(value) for value in (column[row].as_py() for row in rows) if value)
    return [one["picture"] for one in made if one is not None]
