"""What the model looks at, and where it is most wrong: both from the same sample of the test split, through the exported model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation.importance import importance
from stellwerk.components.evaluation.losses import answers, losses
from stellwerk.components.evaluation.pictures import gallery
from stellwerk.components.evaluation.predicting import BATCH_ROWS, SPLIT, Predictor, labels_of
from stellwerk.components.evaluation.worst import worst_rows
from stellwerk.errors import ModelError
from stellwerk.serving.tensors import inputs_from_batch
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import PicturesPart

SAMPLE = 10_000
"""Rows, evenly spread over the test split, that are looked at."""
SAMPLE_BYTES, FEWEST = 64 << 20, 200
"""Where rows hold files, fewer are looked at."""
MOST_BATCHES = 64
"""Of a test split with more than a million rows no more is read."""


def explained(predictor: Predictor, examples: Examples, target: Target) -> tuple[dict[str, Any], list[str]]:
    """Returns `importance`, `worst` and `gallery` for `evaluation.json`, and warnings; nothing where the sample holds no row with a label.

    An explanation that cannot be made is left out, with a warning that says why: the model was measured by then.
    """
    part: PicturesPart | None = TASKS.find(target.type, "pictures") if predictor.facts else None
    more = part.columns(predictor.facts, examples.manifest) if part is not None else ()
    rows = _sample(examples, predictor, target, more)
    if rows is None:
        return {}, []
    batch, labels = rows
    arrays = inputs_from_batch(batch, predictor.model.inputs)
    try:
        predictions = answers(predictor, arrays)
        found = losses(target.type, labels, predictions)
        rows_of: dict[str, Any] = {
            "labels": labels,
            "predictions": predictions,
            "lost": found,
            "predictor": predictor,
            "target": target,
        }
        shown: dict[str, Any] = {}
        if part is not None:
            shown = part.pictures(batch, labels, predictions, predictor.facts, examples.manifest)
        worst = {"examined": batch.num_rows, "rows": worst_rows(batch, **rows_of)}
        del rows_of["lost"]
        pictures = gallery(batch, **rows_of)
        looked_at = {"importance": importance(predictor, arrays, labels, target), "worst": worst}
        return {**looked_at, **({"gallery": pictures} if pictures else {}), **shown}, []
    except ModelError as error:
        return {}, [
            "What the model looks at, and where it is most wrong, is not explained: its answers to the rows that were asked about "
            f"could not be used: {str(error).rstrip('.')}. The metrics do not depend on that."
        ]


def _share(examples: Examples, first: pa.RecordBatch) -> float:
    """Returns which share of the rows is looked at, by how long those of the first batch are."""
    most: int = max(FEWEST, min(SAMPLE, SAMPLE_BYTES * first.num_rows // max(1, first.nbytes)))
    return min(1.0, most / max(1, min(examples.rows(SPLIT), MOST_BATCHES * BATCH_ROWS)))


def _sample(
    examples: Examples, predictor: Predictor, target: Target, more: Sequence[str]
) -> tuple[pa.RecordBatch, Array] | None:
    """Returns rows with a label, spread evenly, with the columns that the model reads, and their labels."""
    columns = list(dict.fromkeys([target.column, *predictor.model.inputs, *more]))
    share = 0.0
    parts, labels = [], []
    for batch in islice(examples.batches(SPLIT, columns, BATCH_ROWS), MOST_BATCHES):
        share = share or _share(examples, batch)
        chosen = np.unique((np.arange(int(np.ceil(batch.num_rows * share))) / share).astype(np.int64))
        some = batch.take(pa.array(chosen[chosen < batch.num_rows]))
        known, keep = labels_of(some.column(target.column), target, predictor.classes)
        parts.append(some.filter(pa.array(keep)))
        labels.append(known[keep])
    together = pa.Table.from_batches(parts).combine_chunks().to_batches() if parts else []
    return (together[0], np.concatenate(labels)) if together and together[0].num_rows else None
