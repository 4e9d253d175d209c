"""What feature modules ask for and what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from stellwerk.components.transformation.columns import Columns
from stellwerk.components.transformation.measures import Measure
from stellwerk.components.transformation.outputs import Output

AS_NUMBER = {"int64": "float", "float": "float"}
"""Takes any number as float."""
AS_NAME = {"int64": "int64", "string": "string"}
"""Takes texts and whole numbers as they are."""


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
    hooks: Mapping[str, str]
    """Source text of the user's files, by path."""


Outputs = dict[str, list[Output]]
"""What features give the model, by feature."""


def each(transform: Callable[[str, Any, Columns, Known], list[Output]]) -> Callable[..., Outputs]:
    """Returns the `transform` of a type whose features are made one by one."""

    def transform_each(features: Mapping[str, Any], columns: Columns, known: Mapping[str, Known]) -> Outputs:
        return {name: transform(name, feature, columns, known[name]) for name, feature in features.items()}

    return transform_each
