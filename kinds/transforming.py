"""What the `transform` of a kind asks for and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import Measure
from stellwerk.kinds.outputs import Output

SHARE = "share"
"""The key under which a kind asks for the share of values that can be read as what the spec says they are (1 or 0, NaN for none)."""


@dataclass(frozen=True)
class Asked:
    """A measure, and what it is fed batch by batch: a tensor of the graph, or a raw column as Arrow has it."""

    measure: Measure
    values: tf.Tensor | tf.RaggedTensor | str


@dataclass(frozen=True)
class Known:
    """What a feature's part of the graph is made with."""

    measures: Mapping[str, Any]
    """What was measured for the feature, by the key it was asked under."""
    folder: Path
    """Where vocabulary files are written."""
    call: Callable[[str, str, Mapping[str, Any]], Any]
    """Calls a function of the user's own: what to say of it, its `file.py:function`, and what it is given. Raises HookError where it
    cannot be loaded, or takes too long."""


Outputs = dict[str, list[Output]]
"""What features give the model, by feature."""


def each(transform: Callable[[str, Any, Columns, Known], list[Output]]) -> Callable[..., Outputs]:
    """Returns the `transform` of a type whose features are made one by one."""

    def transform_each(features: Mapping[str, Any], columns: Columns, known: Mapping[str, Known]) -> Outputs:
        return {name: transform(name, feature, columns, known[name]) for name, feature in features.items()}

    return transform_each
