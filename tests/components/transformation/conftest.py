"""Runs the transform step on a few rows and shows what came out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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

from stellwerk.components.transformation.work import transform
from stellwerk.spec.features import Feature
from stellwerk.spec.target import Target


@dataclass(frozen=True)
class Transformed:
    """What one run of the step left behind."""

    graph: Path
    rows: Path

    @property
    def description(self) -> dict[str, Any]:
        return json.loads((self.graph / "features.json").read_text())

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        return {line["name"]: line for line in self.description["features"]}

    def table(self, split: str = "train") -> pa.Table:
        return pq.read_table(self.rows / split)

    def values(self, name: str, split: str = "train") -> list[Any]:
        return self.table(split)[name].to_pylist()

    def serve(self, **columns: Any) -> dict[str, np.ndarray[Any, Any]]:
        """Puts raw rows through the served graph, without the label."""
        return self.serve_with(tft.TFTransformOutput(str(self.graph)).transform_features_layer(), **columns)

    def serve_with(self, layer: Callable[..., Any], **columns: Any) -> dict[str, np.ndarray[Any, Any]]:
        dtypes = {"float": tf.float32, "int64": tf.int64, "string": tf.string}
        inputs = self.description["inputs"]
        tensors = {name: tf.constant(values, dtypes[inputs[name]]) for name, values in columns.items()}
        return {name: tensor.numpy() for name, tensor in layer(tensors).items()}


@pytest.fixture(scope="session")
def run_transform(make_examples, tmp_path_factory) -> Callable[..., Transformed]:
    """`run_transform(rows, features, target=..., hooks=...)`; without a target the column `y` is one and is added."""

    def run(
        rows: Mapping[str, Any] | None,
        features: Mapping[str, Any],
        target: Mapping[str, Any] | None = None,
        hooks: Mapping[str, str] | None = None,
        **splits: Mapping[str, Any],
    ) -> Transformed:
        folder = tmp_path_factory.mktemp("transform")
        given = {"train": rows, "eval": rows, "test": rows} if rows is not None else splits
        with_target = {split: _answered(columns) if target is None else columns for split, columns in given.items()}
        (folder / "schema").mkdir()
        (folder / "schema" / "schema.pbtxt").write_text("")
        transform(
            features=TypeAdapter(dict[str, Feature]).validate_python(dict(features)),
            target=Target.model_validate(target or {"column": "y", "type": "binary"}),
            hooks=dict(hooks or {}),
            examples=make_examples(folder / "examples", **with_target),
            schema=folder / "schema",
            transform_graph=folder / "graph",
            transformed=folder / "transformed",
        )
        return Transformed(folder / "graph", folder / "transformed")

    return run


def _answered(columns: Mapping[str, Any]) -> dict[str, Any]:
    rows = len(next(iter(columns.values())))
    return {**columns, "y": [row % 2 for row in range(rows)]}
