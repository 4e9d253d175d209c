"""A small trained model for each kind of target, and the same with variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.calling import call
from stellwerk.components.conversion import converter

ROWS = 1500
FEATURES = {
    "distance": {"type": "number", "missing_indicator": True},
    "carrier": {"type": "category"},
    "route": {"type": "cross", "columns": ["carrier", "day"], "buckets": 40},
}
REQUIRE = {
    "binary": {"auc": {"min": 0.7}},
    "multiclass": {"accuracy": {"min": 0.5}},
    "regression": {"r2": {"min": 0.5}},
}


@dataclass(frozen=True)
class Made:
    """A trained model and what it was made from."""

    target: dict[str, Any]
    examples: Path
    transformed: Path
    model: Path


@dataclass(frozen=True)
class Verdict:
    """What the evaluate step said about a model with variants."""

    rows: dict[str, dict[str, Any]]
    blessing: dict[str, Any]


@pytest.fixture(scope="session")
def table() -> pa.Table:
    random = np.random.default_rng(3)
    distance = random.normal(500, 300, ROWS).astype(np.float32)
    carrier = random.choice(["AA", "B6", "UA"], ROWS)
    score = (distance - 500) / 300 + (carrier == "AA") + random.normal(0, 0.5, ROWS)
    return pa.table(
        {
            "distance": pa.array(distance, mask=random.random(ROWS) < 0.05),
            "carrier": pa.array(carrier, mask=random.random(ROWS) < 0.05),
            "day": random.choice(["mon", "tue", "wed"], ROWS),
            "binary": np.where(score > 0, "yes", "no"),
            "multiclass": np.array(["a", "b", "c"])[np.digitize(score, [-0.5, 0.8])],
            "regression": (score * 40 + 20).astype(np.float32),
        }
    )


@pytest.fixture(scope="session")
def make(tmp_path_factory, make_examples, table) -> Callable[..., Made]:
    """`make(kind)` trains a small model; `build` is the source of a `model.build` hook, `network` a section `model`."""

    def run(kind: str, build: str | None = None, network: dict[str, Any] | None = None) -> Made:
        folder = tmp_path_factory.mktemp(f"model_{kind}")
        (folder / "schema").mkdir()
        (folder / "schema" / "schema.pbtxt").write_text("")
        made = Made(
            {"column": kind, "type": kind},
            make_examples(folder / "examples", table),
            folder / "transformed",
            folder / "model",
        )
        features = {"features": FEATURES, "target": made.target, "hooks": {}, "examples": made.examples}
        written = {"transform_graph": folder / "graph", "transformed": made.transformed}
        call("transform", {**features, "schema": folder / "schema", **written})
        own = {"type": "custom", "build": "model.py:build"}
        call(
            "train",
            {
                "architecture": own if build else network or {"type": "wide_deep", "hidden": [64, 32]},
                "training": {"epochs": 1 if build else 4, "batch_size": 32, "optimizer": {"learning_rate": 0.02}},
                "target": made.target,
                "hooks": {"model.py": build} if build else {},
                **written,
                "model": made.model,
                "history": folder / "history",
            },
        )
        return made

    return run


@pytest.fixture(scope="session")
def models(make) -> dict[str, Made]:
    """A model of each kind."""
    return {kind: make(kind) for kind in REQUIRE}


@pytest.fixture(scope="session")
def all_formats(models, tmp_path_factory) -> Path:
    """The binary model with every variant, by the step itself."""
    made, converted = models["binary"], tmp_path_factory.mktemp("converted") / "model"
    formats = ["saved_model", "litert", "litert_float16", "litert_dynamic", "litert_int8", "xla", "onnx", "litert"]
    call("convert", {"formats": formats, "model": made.model, "transformed": made.transformed, "converted": converted})
    return converted


@pytest.fixture(scope="session")
def convert_here(tmp_path_factory) -> Callable[..., tuple[int, Path, list[str]]]:
    """Converts in this process, which is quicker: the exit status, the folder of the variants, and the events."""

    def run(made: Made, *formats: str) -> tuple[int, Path, list[str]]:
        folder = tmp_path_factory.mktemp("variants")
        events = folder / "events.jsonl"
        status = converter.main(str(made.model), str(made.transformed), str(folder / "variants"), str(events), *formats)
        return status, folder / "variants", events.read_text().splitlines()

    return run


@pytest.fixture
def judge(tmp_path) -> Callable[..., Verdict]:
    """Evaluates a model with its variants; `require` as in the spec."""

    def run(made: Made, model: Path, require: dict[str, Any], baseline: Path | None = None) -> Verdict:
        outputs = {"evaluation": tmp_path / "evaluation", "blessing": tmp_path / "blessing"}
        asked = {
            "settings": {"require": require, "over": "nothing", "min_gain": None},
            "target": made.target,
            "hooks": {},
            "examples": made.examples,
        }
        call("evaluate", {**asked, "model": model, "baseline": baseline, **outputs})
        rows = read_json(outputs["evaluation"] / "evaluation.json").get("variants", [])
        return Verdict({row["format"]: row for row in rows}, read_json(outputs["blessing"] / "blessing.json"))

    return run
