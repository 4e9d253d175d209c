"""What feature modules ask for and what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from stellwerk.components.transformation.measures import Measure

AS_NUMBER = {"int64": "float", "float": "float"}
"""Takes any number as float."""
AS_NAME = {"int64": "int64", "string": "string"}
"""Takes texts and whole numbers as they are."""


@dataclass(frozen=True)
class Asked:
    """A measure, and what it is fed batch by batch: a tensor of the graph, or a raw column as Arrow has it."""

    measure: Measure
    values: tf.Tensor | str


@dataclass(frozen=True)
class Known:
    """What was measured for one feature, by the key it was asked under, and where vocabulary files are written."""

    measures: Mapping[str, Any]
    folder: Path
