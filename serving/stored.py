"""tf.Examples whose values are of another type than the model parses: int64 lists for a float, a date for whole numbers.

Who writes Examples from JSON or from a table has no say in the type of a list, and TensorFlow's parser takes one type only. They are
written anew once a model has refused them, so that Examples that fit cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow.core.example import example_pb2

from stellwerk.columns import COLUMN_TYPES
from stellwerk.serving.readings import number
from stellwerk.serving.tensors import Array

_LISTS = {one.dtype: one.feature for one in COLUMN_TYPES.values() if one.number}


def as_parsed(serialized: Array, inputs: Mapping[str, str]) -> Array | None:
    """Returns the Examples with lists of the types that a model parses, or None where nothing could be changed.

    `inputs` are the dtypes of the raw columns by name.
    """
    made, changed = np.empty(serialized.shape, object), False
    for place, one in np.ndenumerate(serialized):
        made[place] = one
        try:
            example = example_pb2.Example.FromString(one)
        except (DecodeError, TypeError):
            continue
        rewritten = sum(_rewritten(example.features.feature[name], kind) for name, kind in _lists(example, inputs))
        if rewritten:
            made[place], changed = example.SerializeToString(), True
    return made if changed else None


def _lists(example: Any, inputs: Mapping[str, str]) -> list[tuple[str, str]]:
    features = example.features.feature
    return [(name, _LISTS[kind]) for name, kind in inputs.items() if name in features and kind in _LISTS]


def _rewritten(feature: Any, wanted: str) -> bool:
    given = feature.WhichOneof("kind")
    if given in (None, wanted):
        return False
    values = [number(value, whole=wanted == "int64_list") for value in getattr(feature, given).value]
    allowed = int if wanted == "int64_list" else (int, float)
    if not all(isinstance(value, allowed) for value in values):
        return False
    getattr(feature, wanted).value.extend(values)
    return True
