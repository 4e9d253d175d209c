"""The half of a SavedModel behind the transform, `serve_transformed`, and rows to calibrate it with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.signatures import input_names
from stellwerk.components.forms.lists import values_of
from stellwerk.environment import register_operations
from stellwerk.errors import DataError, ModelError

SIGNATURE = "serve_transformed"

CALIBRATION_ROWS = 512
"""Rows of the train split, evenly spread over its first batch, from which ranges of values are taken."""

Row = dict[str, np.ndarray[Any, Any]]


class Network:
    """An exported model's second half: transformed features in, probabilities or predictions out."""

    def __init__(self, model: Path, transformed: Path | str) -> None:
        """Loads the SavedModel in `model`; `transformed` are the Examples it was trained on. Raises ModelError."""
        self.model, self.transformed = model, transformed
        register_operations()
        self._loaded = tf.saved_model.load(str(model))  # its signatures do not keep its variables alive
        signatures = self._loaded.signatures
        if SIGNATURE not in signatures:
            raise ModelError(f"{model}: the model has no signature '{SIGNATURE}', which is converted. Train it again.")
        self.function = signatures[SIGNATURE]
        arguments = self.function.structured_input_signature[1]
        self._arguments = dict(zip(input_names(model, SIGNATURE, list(arguments)), arguments, strict=True))
        self.specs: Mapping[str, Any] = {name: arguments[self._arguments[name]] for name in sorted(self._arguments)}

    def answer(self, inputs: Mapping[str, Any]) -> Any:
        """Returns the outputs by name, for inputs by name; also inside a function that is being traced."""
        return self.function(**{self._arguments[name]: value for name, value in inputs.items()})

    @property
    def variables(self) -> list[Any]:
        """The weights of this half."""
        return list(self.function.variables)

    @property
    def inputs(self) -> dict[str, Any]:
        """Dtype and shape of each input, by name; null is any number of rows."""
        return _described(self.specs)

    @property
    def outputs(self) -> dict[str, Any]:
        """Dtype and shape of each output, by name."""
        return _described(self.function.structured_outputs)

    def zeros(self, rows: int) -> Row:
        """Returns rows of zeros."""
        return {name: np.zeros([rows, *spec.shape[1:]], spec.dtype.as_numpy_dtype) for name, spec in self.specs.items()}

    def rows(self) -> Iterator[Row]:
        """Yields single real rows, [1, ...] by input name. Raises DataError when the train split has none."""
        batch = next((one for one in Examples.open(self.transformed).batches("train") if one.num_rows), None)
        if batch is None:
            raise DataError("it is calibrated with rows of the train split, which has none. Look at data.split.")
        places = np.unique(np.linspace(0, batch.num_rows - 1, CALIBRATION_ROWS).astype(np.int64))
        columns = {name: _values(batch.column(name), spec)[places] for name, spec in self.specs.items()}
        for row in range(len(places)):
            yield {name: values[row : row + 1] for name, values in columns.items()}


def _values(column: pa.Array, spec: Any) -> np.ndarray[Any, Any]:
    values = values_of(column).astype(spec.dtype.as_numpy_dtype, copy=False)
    shaped: np.ndarray[Any, Any] = values.reshape([len(column), *spec.shape[1:]])
    return shaped


def _described(specs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()} for name, spec in specs.items()}
