"""One pass over the training split that measures all that the features ask for, batch by batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from stellwerk.ahead import read_ahead
from stellwerk.components.artifacts.examples import BATCH_ROWS, Examples
from stellwerk.components.transformation.columns import as_tensors
from stellwerk.components.transformation.plan import Plan
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import Measure, WordsOfTexts
from stellwerk.kinds.transforming import Asked
from stellwerk.machine import available_cores

Key = tuple[str, str]

AHEAD = 2
"""Batches that wait to be measured."""

WORDY_ROWS = 16_384
"""Rows measured at a time where texts become words, which need room."""


class Measuring:
    """What the features of a plan ask for, traced once: raw columns are counted as Arrow has them, all else in one function."""

    def __init__(self, plan: Plan) -> None:
        self._fed = _fed(plan)
        self._asked: dict[Key, Asked] = {}

        def derived(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            self._asked.update(plan.asked(Columns(tensors)))
            return {str(key): one.values for key, one in self._asked.items() if not isinstance(one.values, str)}

        specs = {name: plan.specs()[name] for name in self._fed}
        self._traced = tf.function(derived, input_signature=[specs], autograph=False) if self._fed else None
        if self._traced is not None:
            self._traced = self._traced.get_concrete_function()
        self._asked = self._asked or plan.asked(Columns({}))
        raw = {one.values for one in self._asked.values() if isinstance(one.values, str)}
        self.columns = sorted({*self._fed, *raw})
        """Columns that are measured: no others need be read."""
        wordy = any(isinstance(one.values, tf.RaggedTensor) for one in self._asked.values())
        self.rows = WORDY_ROWS if wordy else BATCH_ROWS
        """Rows to be measured at a time."""

    def empty(self) -> dict[Key, Measure]:
        """Returns measures that have seen nothing, by feature and key."""
        return {key: copy.deepcopy(one.measure) for key, one in self._asked.items()}

    def add(self, measures: Mapping[Key, Measure], batch: pa.RecordBatch) -> None:
        """Gives a batch with `columns` to every measure."""
        for key, values in self.values(batch).items():
            measures[key].add(values)

    def values(self, batch: pa.RecordBatch) -> dict[Key, Any]:
        """Returns what each measure takes of a batch."""
        tensors = self._traced(as_tensors(batch, self._fed)) if self._traced is not None else {}
        return {
            key: batch.column(one.values) if isinstance(one.values, str) else as_measured(tensors[str(key)])
            for key, one in self._asked.items()
        }


def measure(plan: Plan, examples: Examples, seen: Callable[[int], None]) -> dict[Key, Measure]:
    """Returns the filled measures by feature and key; `seen` hears of every batch's rows.

    Every measure sees all batches in their order; different measures are filled side by side, while the next batch is read.
    """
    measuring = Measuring(plan)
    measures = measuring.empty()
    if not measures:
        return measures
    batches = examples.batches("train", measuring.columns, measuring.rows)
    made = ((batch.num_rows, measuring.values(batch)) for batch in batches)
    with read_ahead(made, AHEAD) as ready, ThreadPoolExecutor(available_cores(), thread_name_prefix="measures") as pool:
        for rows, values in ready:
            list(pool.map(lambda key, values=values: measures[key].add(values[key]), measures))
            seen(rows)
    return measures


def _fed(plan: Plan) -> dict[str, str]:
    """Returns the graph inputs that some measured tensor reads, with their types."""
    with tf.Graph().as_default():
        columns = Columns(
            {name: tf.compat.v1.placeholder(spec.dtype, spec.shape) for name, spec in plan.specs().items()}
        )
        plan.asked(columns)
    return {name: plan.inputs[name] for name in sorted(columns.used)}


def as_measured(values: tf.Tensor | tf.RaggedTensor) -> np.ndarray[Any, Any] | WordsOfTexts:
    """Returns a tensor of the graph as a measure takes it."""
    if isinstance(values, tf.RaggedTensor):
        words = pa.array(values.flat_values.numpy(), pa.binary()).cast(pa.string())
        return WordsOfTexts(words, values.value_rowids().numpy(), int(values.nrows()))
    array: np.ndarray[Any, Any] = values.numpy()
    return array
