"""Names what a model answers: which columns the output gets for which tensors.

probabilities [n, 1]             probability; with a threshold also predicted (0 or 1)
probabilities, classes [n, k]    predicted (name of the class), probability (of it); on demand probability_<class>
probabilities, labels [n, k]     predicted (names of the labels from the threshold on, with | between them), probability (of each of them)
predictions [n, 1]               prediction
any other [n], [n, 1] or [n, k]  its own name, or <name>_0 ... <name>_<k-1>; of [n, k, m] <name>_0_0 ... <name>_<k-1>_<m-1>
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import BETWEEN_LABELS
from stellwerk.errors import DataError, ModelError
from stellwerk.serving.bulk.options import Options
from stellwerk.serving.tensors import Array, Tensor

HALF = 0.5
"""From this probability on a label is predicted where no threshold is given."""
DIGITS = 4
"""Of a probability that stands among others in a text."""

Columns = dict[str, pa.Array]


class Answers:
    """Makes columns of a model's outputs. Safe to call from several threads."""

    def __init__(self, outputs: Mapping[str, Tensor], options: Options) -> None:
        """Raises DataError when `options` ask for what this model does not answer."""
        shape = outputs["probabilities"].shape if "probabilities" in outputs else None
        self._classes = "probabilities" in outputs and "classes" in outputs
        self._several = "probabilities" in outputs and "labels" in outputs
        self._binary = (
            not self._classes and not self._several and shape is not None and len(shape) == 2 and shape[1] == 1
        )
        self._options = options
        if options.threshold is not None and not (self._binary or self._several):
            raise DataError(
                "--threshold is for models that answer one probability, or one a label, and this one does not."
            )
        if options.all_probabilities and not (self._classes or self._several):
            raise DataError("--all-probabilities is for models that answer several classes, and this one does not.")

    def __call__(self, outputs: Mapping[str, Array]) -> Columns:
        """Returns the columns for outputs by name, each with one value a row."""
        if self._classes:
            columns = self._multiclass(outputs["probabilities"], outputs["classes"])
        elif self._several:
            columns = self._labels(outputs["probabilities"], outputs["labels"])
        elif self._binary:
            columns = self._probability(outputs["probabilities"])
        else:
            columns = {}
            for name, values in outputs.items():
                columns |= _plain("prediction" if name == "predictions" else name, values)
        return {self._options.prefix + name: column for name, column in columns.items()}

    def _probability(self, probabilities: Array) -> Columns:
        flat = np.ascontiguousarray(probabilities[:, 0])
        columns = {"probability": pa.array(flat)}
        if self._options.threshold is not None:
            columns["predicted"] = pa.array((flat >= np.float32(self._options.threshold)).astype(np.int64))
        return columns

    def _multiclass(self, probabilities: Array, classes: Array) -> Columns:
        best = probabilities.argmax(axis=1) if len(probabilities) else np.zeros(0, np.int64)
        rows = np.arange(len(best))
        columns = {"predicted": _array(classes[rows, best]), "probability": pa.array(probabilities[rows, best])}
        return columns | self._every(probabilities, classes)

    def _labels(self, probabilities: Array, labels: Array) -> Columns:
        threshold = HALF if self._options.threshold is None else self._options.threshold
        rows, places = np.nonzero(probabilities >= np.float32(threshold))
        ends = np.append(np.searchsorted(rows, np.arange(len(probabilities))), len(rows)).astype(np.int32)
        given = pa.array(np.round(probabilities[rows, places].astype(np.float64), DIGITS)).cast(pa.string())
        columns = {"predicted": _joined(_array(labels[rows, places]), ends), "probability": _joined(given, ends)}
        return columns | self._every(probabilities, labels)

    def _every(self, probabilities: Array, classes: Array) -> Columns:
        """Returns the probability of each class or label, where they are asked for."""
        columns: Columns = {}
        if self._options.all_probabilities:
            names = classes[0] if len(classes) else ()
            for position, name in enumerate(names):
                text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
                columns[f"probability_{text}"] = pa.array(np.ascontiguousarray(probabilities[:, position]))
        return columns


def _joined(texts: pa.Array, ends: Array) -> pa.Array:
    """Returns the texts between each two `ends` as one."""
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), texts), BETWEEN_LABELS)


def _plain(name: str, values: Array) -> Columns:
    if values.ndim == 3:
        parts = [_plain(f"{name}_{at}", values[:, at]) for at in range(values.shape[1])]
        return {each: column for part in parts for each, column in part.items()}
    if values.ndim == 2 and values.shape[1] != 1:
        return {f"{name}_{at}": _array(np.ascontiguousarray(values[:, at])) for at in range(values.shape[1])}
    if values.ndim not in (1, 2, 3):
        raise ModelError(
            f"the model's output '{name}' has {values.ndim} dimensions; a table holds one value or one list a row."
        )
    return {name: _array(np.ascontiguousarray(values.reshape(len(values))))}


def _array(values: Array) -> pa.Array:
    if values.dtype.kind in "OSU":
        texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values.tolist()]
        return pa.array(texts, pa.string())
    return pa.array(values)
