"""Small exported models, good and bad ones, and the rehearse step called on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.calling import call

ROWS = 60


class _Scored(tf.Module):
    """Gives late carriers and long distances a high probability; a missing distance counts as 0."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = tf.Variable(0.8)

    def score(self, distance, carrier):
        distance = tf.where(tf.math.is_nan(distance), 0.0, distance)
        return tf.sigmoid(distance * self.slope + tf.cast(carrier == "AA", tf.float32))[:, None]

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, "distance"), tf.TensorSpec([None], tf.string, "carrier")]
    )
    def answer(self, distance, carrier):
        names = tf.tile(tf.constant([["no", "yes"]]), [tf.shape(distance)[0], 1])
        return {"probabilities": self.score(distance, carrier), "classes": names}


class _ByChance(_Scored):
    """A model that was exported with its dropout still on."""

    def score(self, distance, carrier):
        return super().score(distance, carrier) * tf.random.uniform([tf.shape(distance)[0], 1])


class _OfItsBatch(_Scored):
    """A model whose answer depends on the other rows of the request."""

    def score(self, distance, carrier):
        return super().score(distance - tf.reduce_mean(tf.boolean_mask(distance, ~tf.math.is_nan(distance))), carrier)


MODELS = {"good": _Scored, "by chance": _ByChance, "of its batch": _OfItsBatch}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    for name, kind in MODELS.items():
        module = kind()
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.answer})
    return {name: folder / name for name in MODELS}


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory, make_examples: Any) -> Path:
    """Examples with missing values and a text that is no UTF-8 name; the target is no input of the model."""
    random = np.random.default_rng(3)
    table = pa.table(
        {
            "distance": pa.array(random.normal(0, 2, ROWS).astype(np.float32), mask=random.random(ROWS) < 0.2),
            "carrier": pa.array(random.choice(["AA", "B6", "Ü"], ROWS), mask=random.random(ROWS) < 0.1),
            "late": random.integers(0, 2, ROWS),
        }
    )
    path: Path = make_examples(
        tmp_path_factory.mktemp("data") / "examples", train=table[:5], eval=table, test=table[:5]
    )
    return path


@dataclass(frozen=True)
class Rehearsed:
    """Output of a rehearsal."""

    path: Path
    said: dict[str, Any]

    def row(self, metric: str) -> dict[str, Any]:
        return next(row for row in self.said["requirements"] if row["metric"] == metric)

    @property
    def refused(self) -> list[str]:
        return [row["metric"] for row in self.said["requirements"] if not row["ok"]]


@pytest.fixture
def arguments(tmp_path: Path, examples: Path, models: dict[str, Path]) -> Callable[..., dict[str, Any]]:
    """`arguments(settings, model="good", blessed=True)`: what the step is called with, JSON values as in a pipeline."""

    def made(settings: Mapping[str, Any], model: str | Path = "good", *, blessed: bool = True) -> dict[str, Any]:
        write_json(tmp_path / "blessing" / "blessing.json", {"blessed": blessed, "requirements": []})
        return {
            "settings": {"requests": 20, "clients": [2], "seconds": 30.0, **settings},
            "examples": str(examples),
            "model": str(models.get(str(model), model)),
            "blessing": str(tmp_path / "blessing"),
            "rehearsal": str(tmp_path / "rehearsal"),
        }

    return made


@pytest.fixture
def rehearsed(tmp_path: Path, arguments: Callable[..., dict[str, Any]]) -> Callable[..., Rehearsed]:
    """`rehearsed(settings, model, ...)` runs the step and reads what it wrote."""

    def run(settings: Mapping[str, Any] | None = None, model: str | Path = "good", **more: Any) -> Rehearsed:
        given = arguments(settings or {}, model, blessed=more.pop("blessed", True))
        call("rehearse", {**given, **more})
        path = tmp_path / "rehearsal"
        return Rehearsed(path, read_json(path / "rehearsal.json"))

    return run


@pytest.fixture
def tf_serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`tf_serving("dies 5")` puts a `tensorflow_model_server` on the PATH that misbehaves so; see standin.py."""

    def install(how: str = "") -> None:
        program = tmp_path / "bin" / "tensorflow_model_server"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("standin.py")}" "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("STANDIN", how)

    return install
