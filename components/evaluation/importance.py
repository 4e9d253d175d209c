"""Permutation importance (Breiman, 2001): how much worse the model becomes when one column's values go to other rows.

It asks the exported model, transform included, so a column that several features are made of counts once, as a whole. Columns
that say the same share their importance: the model then finds in the one what was lost in the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stellwerk.components.evaluation.losses import answers, losses, name_of, together
from stellwerk.components.evaluation.predicting import Predictor
from stellwerk.spec.target import Target
from stellwerk.tasks.counts import Array

ROWS = 1_000
REPEATS = 3
MOST_ANSWERS = 60_000
"""Rows that the model is asked in all: with many columns, fewer rows of each."""
FEWEST_ROWS = 200
MOST_COLUMNS = 500
SEED = 42


def importance(predictor: Predictor, arrays: dict[str, Array], labels: Array, target: Target) -> dict[str, Any]:
    """Returns the columns by their importance, the largest first: by how much the loss rises, and how much that varies.

    `arrays` are rows by input name, `labels` [rows]. Log loss for classes, the root mean squared error for quantities.
    """
    random = np.random.default_rng(SEED)
    columns = list(arrays)[:MOST_COLUMNS]
    repeats = REPEATS if len(columns) * REPEATS * FEWEST_ROWS <= MOST_ANSWERS else 1
    rows = min(len(labels), ROWS, max(FEWEST_ROWS, MOST_ANSWERS // max(1, len(columns) * repeats)))
    chosen = np.sort(random.choice(len(labels), rows, replace=False))
    some, known = {name: values[chosen] for name, values in arrays.items()}, labels[chosen]
    base = float(together(target.type, losses(target.type, known, answers(predictor, some))))
    repeated = {name: np.concatenate([values] * repeats) for name, values in some.items()}
    found: list[dict[str, Any]] = []
    for column in columns:
        mixed = np.concatenate([some[column][random.permutation(rows)] for _ in range(repeats)])
        lost = losses(target.type, np.concatenate([known] * repeats), answers(predictor, {**repeated, column: mixed}))
        risen = together(target.type, lost.reshape(repeats, rows)) - base
        found.append({"column": column, "mean": float(risen.mean()), "deviation": float(risen.std())})
    found.sort(key=lambda row: (-row["mean"], row["column"]))
    return {"metric": name_of(target.type), "base": base, "rows": rows, "repeats": repeats, "columns": found}
