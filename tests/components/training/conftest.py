"""Transformed examples of three kinds of target, made once by the real transform step, and a way to train on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from stellwerk.components.calling import call

FEATURES = {
    "distance": {"type": "number", "missing_indicator": True},
    "sched_dep_time": {"type": "time", "format": "hhmm", "parts": ["hour"]},
    "carrier": {"type": "category"},
    "origin": {"type": "category"},
    "route": {"type": "cross", "columns": ["origin", "dest"], "buckets": 200},
}


@dataclass(frozen=True)
class Prepared:
    """What the transform step left, and the columns it was made from."""

    target: dict[str, Any]
    graph: Path
    transformed: Path
    examples: Path
    columns: dict[str, pa.Table] = field(repr=False)


@dataclass(frozen=True)
class Run:
    """What one run of the train step left."""

    model: Path
    history_path: Path
    scratch: Path

    @property
    def history(self) -> dict[str, Any]:
        return json.loads((self.history_path / "history.json").read_text())

    @property
    def about(self) -> dict[str, Any]:
        return json.loads((self.model / "assets.extra" / "stellwerk.json").read_text())

    def predict(self, columns: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
        """Asks `serving_default` in Python."""
        signature = tf.saved_model.load(str(self.model)).signatures["serving_default"]
        dtypes = {name: spec["dtype"] for name, spec in self.about["inputs"].items()}
        given = {name: tf.constant(columns[name], dtypes[name]) for name in dtypes}
        return {name: value.numpy() for name, value in signature(**given).items()}

    def weights(self) -> list[np.ndarray[Any, Any]]:
        loaded = tf.saved_model.load(str(self.model))
        return [variable.numpy() for variable in loaded.variables]


@pytest.fixture(scope="session")
def prepare(make_examples, tmp_path_factory) -> Callable[..., Prepared]:
    """`prepare(features, target, train=rows, eval=rows, test=rows)` runs the transform step on plain rows; `hooks=` are sources by file."""

    def run(
        features: Mapping[str, Any], target: dict[str, Any], hooks: Mapping[str, str] | None = None, **splits: Any
    ) -> Prepared:
        folder = tmp_path_factory.mktemp("prepared")
        (folder / "schema").mkdir()
        (folder / "schema" / "schema.pbtxt").write_text("")
        arguments = {
            "features": dict(features),
            "target": target,
            "hooks": dict(hooks or {}),
            "examples": make_examples(folder / "examples", **splits),
            "schema": folder / "schema",
            "transform_graph": folder / "graph",
            "transformed": folder / "transformed",
        }
        call("transform", arguments)
        return Prepared(target, folder / "graph", folder / "transformed", folder / "examples", splits)

    return run


def _thirds(table: pa.Table) -> dict[str, pa.Table]:
    rows = np.arange(table.num_rows)
    kinds = {"train": rows % 5 < 3, "eval": rows % 5 == 3, "test": rows % 5 == 4}
    return {split: table.filter(pa.array(mask)) for split, mask in kinds.items()}


@pytest.fixture(scope="session")
def late(prepare, flights_table) -> Prepared:
    """Will a flight be late: numbers, ids, a cross."""
    columns = ["distance", "sched_dep_time", "carrier", "origin", "dest", "late"]
    return prepare(FEATURES, {"column": "late", "type": "binary"}, **_thirds(flights_table.select(columns)))


@pytest.fixture(scope="session")
def airport(prepare, flights_table) -> Prepared:
    """From which of three airports: several classes, from words and numbers."""
    table = flights_table.select(["distance", "carrier", "dest", "origin"]).slice(0, 2000)
    words = [
        f"{carrier} to {dest}"
        for carrier, dest in zip(table["carrier"].to_pylist(), table["dest"].to_pylist(), strict=True)
    ]
    features = {
        "distance": {"type": "number"},
        "trip": {"type": "text", "encoding": "tokens", "max_tokens": 4, "embedding": 8},
        "bag": {"type": "text", "column": "trip", "vocabulary": 50},
    }
    table = table.append_column("trip", pa.array(words)).drop(["carrier", "dest"])
    return prepare(features, {"column": "origin", "type": "multiclass"}, **_thirds(table))


@pytest.fixture(scope="session")
def air_time(prepare, flights_table) -> Prepared:
    """How long a flight is in the air: a quantity."""
    table = flights_table.select(["distance", "carrier", "air_time"]).slice(0, 2000)
    features = {"distance": {"type": "number"}, "carrier": {"type": "category"}}
    return prepare(features, {"column": "air_time", "type": "regression"}, **_thirds(table))


@pytest.fixture(scope="session")
def left_by() -> Callable[[Path], Run]:
    """`left_by(folder)`: what a run that wrote into `folder` left there."""
    return lambda folder: Run(folder / "model", folder / "history", folder / "scratch")


@pytest.fixture(scope="session")
def run_train(tmp_path_factory) -> Callable[..., Run]:
    """`run_train(prepared, architecture=..., scratch=..., epochs=...)`: other arguments are keys of `train`."""

    def run(
        prepared: Prepared,
        architecture: Mapping[str, Any] | None = None,
        hooks: Mapping[str, str] | None = None,
        scratch: Path | None = None,
        folder: Path | None = None,
        progress: Any = None,
        encoding: Mapping[str, Any] | None = None,
        **training: Any,
    ) -> Run:
        folder = folder or tmp_path_factory.mktemp("run")
        made = Run(folder / "model", folder / "history", scratch or folder / "scratch")
        arguments = {
            "architecture": dict(architecture or {"type": "dense", "hidden": [16, 8]}),
            "training": {"epochs": 2, "batch_size": 128, **training},
            "target": prepared.target,
            "hooks": dict(hooks or {}),
            "transformed": prepared.transformed,
            "transform_graph": prepared.graph,
            "model": made.model,
            "history": made.history_path,
            "scratch": made.scratch,
            **({"progress": progress} if progress else {}),
            **({"encoding": dict(encoding)} if encoding else {}),
        }
        call("train", arguments)
        return made

    return run


@pytest.fixture(scope="session")
def late_run(late, run_train) -> Run:
    """A wide and deep model of the late flights."""
    architecture = {"type": "wide_deep", "hidden": [32, 16], "dropout": 0.1}
    return run_train(late, architecture, epochs=3, optimizer={"type": "adam", "learning_rate": 0.005})


@pytest.fixture(scope="session")
def airport_run(airport, run_train) -> Run:
    """A dense model of the airports."""
    return run_train(airport, epochs=6, optimizer={"type": "adam", "learning_rate": 0.01})


@pytest.fixture(scope="session")
def air_time_run(air_time, run_train) -> Run:
    """A dense model of the time in the air."""
    return run_train(air_time, epochs=8, optimizer={"type": "adam", "learning_rate": 0.01, "schedule": "constant"})
