"""Requests made of real examples, and the answers that the model gives to them when it is called directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.rehearsal.apis import Api
from stellwerk.errors import DataError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.tensors import Array, inputs_from_batch
from stellwerk.spec.rehearse import Rehearse

SPLIT = "eval"

MOST_EXAMPLES = 100_000
"""So many different examples are asked at most; more requests ask the same ones again."""

BATCH_ROWS = 8_192

Answers = Mapping[str, Array]
"""Values of each output, [examples, ...]."""


@dataclass(frozen=True)
class Requests:
    """Bodies of requests, the examples in each, and what the model answers for each example when it is called directly."""

    bodies: Sequence[bytes]
    examples: Sequence[Array]
    expected: Answers


def prepare(settings: Rehearse, api: Api, examples: Path | str, model: Path) -> Requests:
    """Makes the requests and asks the model for their answers, without a server.

    Raises DataError when the eval split is empty or does not fit the model, ModelError when the model does not load or answer.
    """
    data = Examples.open(examples)
    wanted = min(data.rows(SPLIT), settings.requests * settings.batch_size, MOST_EXAMPLES)
    if not wanted:
        raise DataError("the eval split has no examples to ask the server. Give data.split.eval a larger share")
    inputs: list[dict[str, Array]] = []
    answers: list[dict[str, Array]] = []
    with LoadedModel(model) as loaded:
        for batch in _first(data, loaded, wanted):
            inputs.append(inputs_from_batch(batch, loaded.inputs))
            answers.append(loaded.predict(inputs[-1]))
    different = max(1, wanted // settings.batch_size)
    columns = _joined(inputs)
    rows = [
        np.arange(at, at + settings.batch_size) % wanted
        for at in range(0, different * settings.batch_size, settings.batch_size)
    ]
    bodies = [api.body({name: values[asked] for name, values in columns.items()}) for asked in rows]
    return Requests(bodies, rows, _joined(answers))


def _first(data: Examples, model: LoadedModel, wanted: int) -> list[pa.RecordBatch]:
    columns = [name for name in data.columns if name in model.inputs]
    found: list[pa.RecordBatch] = []
    for batch in data.batches(SPLIT, columns, min(BATCH_ROWS, wanted)):
        found.append(batch.slice(0, wanted - sum(part.num_rows for part in found)))
        if sum(part.num_rows for part in found) == wanted:
            break
    return found


def _joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
