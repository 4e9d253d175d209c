"""XLA: a SavedModel that TensorFlow compiles for this machine, once for each number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stellwerk.serving.loading import LoadedModel

SIGNATURE = "serve_transformed"

Array = np.ndarray[Any, Any]


def load(file: Path) -> Any:
    """Returns the SavedModel in folder `file` as a function of inputs by name, any number of rows.

    Compiling takes longer than thousands of answers, so rows are filled up to a power of two: a client that sends any number
    of them makes XLA compile a dozen times and no more. The network looks at each row alone: what is filled up changes none.
    """
    model = LoadedModel(file)

    def answer(inputs: Mapping[str, Array]) -> dict[str, Array]:
        rows = len(next(iter(inputs.values())))
        filled = {name: _filled(values, 1 << (rows - 1).bit_length()) for name, values in inputs.items()}
        return {name: values[:rows] for name, values in model.predict(filled, SIGNATURE).items()}

    return answer


def _filled(values: Array, rows: int) -> Array:
    if len(values) == rows:
        return values
    filled = np.zeros([rows, *values.shape[1:]], values.dtype)
    filled[: len(values)] = values
    return filled
