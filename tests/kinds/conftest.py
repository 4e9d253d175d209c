"""Kinds by themselves: their part of the graph on a few values, and their rules on one column, without a step."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from pydantic import TypeAdapter
from tensorflow_transform import impl_helper

from stellwerk.columns import COLUMN_TYPES, list_of
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey, survey
from stellwerk.components.transformation.columns import as_tensor
from stellwerk.components.transformation.measuring import as_measured
from stellwerk.environment import only_errors
from stellwerk.kinds.base import Keys
from stellwerk.kinds.choosing import Choice
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.parts import starting, transform
from stellwerk.kinds.transforming import Known
from stellwerk.spec.data import Source
from stellwerk.spec.features import Feature


@dataclass(frozen=True)
class Made:
    """What a kind made of a few values."""

    asked: tuple[str, ...]
    """The keys of what it wanted to be measured."""
    arrays: Mapping[str, np.ndarray[Any, Any]]
    lines: Mapping[str, Mapping[str, Any]]

    def values(self, name: str = "x") -> list[Any]:
        """Returns an output, rounded."""
        array = self.arrays[name]
        return array.astype(np.float64).round(4).tolist() if array.dtype.kind == "f" else array.tolist()

    def pixels(self, name: str = "x") -> np.ndarray[Any, Any]:
        """Returns an output as its form has it, which the graph may have otherwise."""
        array: np.ndarray[Any, Any] = ModelInput.of(self.lines[name]).from_graph(tf.constant(self.arrays[name])).numpy()
        return array

    def line(self, name: str = "x") -> dict[str, Any]:
        """Returns an output's line of `features.json`."""
        return dict(self.lines[name])


def feature(**settings: Any) -> Keys:
    """Returns what a spec says of a feature."""
    made: Keys = TypeAdapter(Feature).validate_python(settings)
    return made


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Made]:
    """`make({"x": [...]}, type=..., ...)`: measures columns and puts them through the graph; `hook` is called for a user's function."""

    def make(rows: Mapping[str, list[Any]], hook: Callable[..., Any] | None = None, **settings: Any) -> Made:
        one, table = feature(**settings), pa.table(dict(rows))
        arrays = {name: _column(table[name].combine_chunks()) for name in rows}
        tensors = {name: as_tensor(array, one.TAKES.get(kind, kind)) for name, (kind, array) in arrays.items()}
        kind = transform(one.type)
        asked = kind.measured("x", one, Columns(tensors))
        for each in asked.values():
            raw = isinstance(each.values, str)
            each.measure.add(arrays[each.values][1] if raw else as_measured(each.values))
        known = Known(
            {key: each.measure for key, each in asked.items()},
            tmp_path,
            lambda _what, _reference, given: hook(given) if hook is not None else None,
        )
        lines: dict[str, Mapping[str, Any]] = {}

        def preprocessing_fn(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            made = kind.transform({"x": one}, Columns(inputs), {"x": known})["x"]
            lines.update({output.name: output.description for output in made})
            return {output.name: output.tensor for output in made}

        arrays_made = _through_a_graph(preprocessing_fn, tensors, tmp_path / "graph")
        return Made(tuple(asked), arrays_made, lines)

    return make


def _through_a_graph(
    function: Callable[..., Any], tensors: Mapping[str, tf.Tensor], folder: Path
) -> dict[str, np.ndarray[Any, Any]]:
    """Returns what a function makes of tensors in a graph that TFT has written and read again."""
    shutil.rmtree(folder, ignore_errors=True)
    specs = {name: tf.io.FixedLenFeature(tensor.shape[1:], tensor.dtype) for name, tensor in tensors.items()}
    inside = {name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name) for name, tensor in tensors.items()}
    with only_errors():
        impl_helper.analyze_in_place(function, False, specs, inside, str(folder))
        made = tft.TFTransformOutput(str(folder)).transform_features_layer()(dict(tensors))
    return {name: tensor.numpy() for name, tensor in made.items()}


def _column(array: pa.Array) -> tuple[str, pa.Array]:
    """Returns an array as Examples have it, and its type there."""
    kind = array.type
    if pa.types.is_list(kind):
        name = list_of(len(array[0]))
        return name, pa.array(array.to_pylist(), COLUMN_TYPES[name].arrow_type)
    known = {"string": pa.types.is_string, "binary": pa.types.is_binary, "int64": pa.types.is_integer}
    name = next((name for name, is_so in known.items() if is_so(kind)), "float")
    return name, array.cast(COLUMN_TYPES[name].arrow_type)


@pytest.fixture
def propose(tmp_path: Path) -> Iterator[Callable[..., Choice | None]]:
    """`propose(kind, name, values)`: what the rules of a kind make of a column."""
    with ExitStack() as stack:

        def propose(kind: str, name: str, values: list[Any]) -> Choice | None:
            path = tmp_path / f"{name}.parquet"
            pq.write_table(pa.table({name: values}), path)
            seen: Survey = stack.enter_context(survey("rows", Source.model_validate({"path": path.name}), tmp_path))
            column: ColumnSurvey = seen.column(name)
            rules = starting(kind)
            assert rules is not None
            made = (rule.decide(seen, column) for rule in sorted(rules.RULES, key=lambda rule: rule.rank))
            return next((choice for choice in made if choice is not None), None)

        yield propose
