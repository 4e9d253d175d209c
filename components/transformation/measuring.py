"""One pass over the training split that measures all that the features ask for, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.transformation.columns import Columns, as_tensors
from stellwerk.components.transformation.features.base import Asked
from stellwerk.components.transformation.measures import Measure, WordsOfTexts
from stellwerk.components.transformation.plan import Plan

Key = tuple[str, str]

_ROWS = 16_384
"""Rows measured at a time: words of long texts need room."""


def measure(plan: Plan, examples: Examples, seen: Callable[[int], None]) -> dict[Key, Measure]:
    """Returns the filled measures by feature and key; `seen` hears of every batch's rows.

    Raw columns are counted as Arrow has them; whatever else is measured comes out of one traced function. Columns that
    nobody measures are not read.
    """
    fed = _fed(plan)
    asked: dict[Key, Asked] = {}

    def derived(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        asked.update(plan.asked(Columns(tensors)))
        return {str(key): one.values for key, one in asked.items() if not isinstance(one.values, str)}

    specs = {name: plan.specs()[name] for name in fed}
    traced = tf.function(derived, input_signature=[specs], autograph=False).get_concrete_function() if fed else None
    asked = asked or plan.asked(Columns({}))
    raw = {one.values for one in asked.values() if isinstance(one.values, str)}
    for batch in examples.batches("train", sorted({*fed, *raw}), _ROWS) if asked else ():
        tensors = traced(as_tensors(batch, fed)) if traced else {}
        for key, one in asked.items():
            one.measure.add(
                batch.column(one.values) if isinstance(one.values, str) else _as_measured(tensors[str(key)])
            )
        seen(batch.num_rows)
    return {key: one.measure for key, one in asked.items()}


def _fed(plan: Plan) -> dict[str, str]:
    """Returns the graph inputs that some measured tensor reads, with their types."""
    with tf.Graph().as_default():
        columns = Columns({name: tf.compat.v1.placeholder(spec.dtype, [None]) for name, spec in plan.specs().items()})
        plan.asked(columns)
    return {name: plan.inputs[name] for name in sorted(columns.used)}


def _as_measured(values: tf.Tensor | tf.RaggedTensor) -> np.ndarray[Any, Any] | WordsOfTexts:
    if isinstance(values, tf.RaggedTensor):
        words = pa.array(values.flat_values.numpy(), pa.binary()).cast(pa.string())
        return WordsOfTexts(words, values.value_rowids().numpy(), int(values.nrows()))
    array: np.ndarray[Any, Any] = values.numpy()
    return array
