"""Small exported models of each kind, test data with slices, and the evaluate step called on them."""

from __future__ import annotations

import json
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

CLASSES = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"], "regression": []}
ROWS = 600


class _Scored(tf.Module):
    """Scores a row by `distance * slope + bias`, and 1 more where the carrier is AA."""

    def __init__(self, kind: str, slope: list[float], bias: list[float], most: int | None = None) -> None:
        super().__init__()
        self.most = most
        self.kind, self.slope, self.bias = kind, tf.Variable(slope), tf.Variable(bias)

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, "distance"), tf.TensorSpec([None], tf.string, "carrier")]
    )
    def answer(self, distance, carrier):
        if self.most is not None:
            tf.debugging.assert_less_equal(tf.shape(distance)[0], self.most, "too many rows at once")
        distance = tf.where(tf.math.is_nan(distance), 0.0, distance)
        score = distance[:, None] * self.slope + self.bias + tf.cast(carrier == "AA", tf.float32)[:, None] * [1.0]
        if self.kind == "regression":
            return {"predictions": score}
        names = tf.tile(tf.constant([CLASSES[self.kind]]), [tf.shape(distance)[0], 1])
        answer = tf.sigmoid(score) if self.kind == "binary" else tf.nn.softmax(score * [1.0, -1.0, 0.5])
        return {"probabilities": answer, **({"classes": names} if self.kind == "multiclass" else {})}


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """`make_model(path, kind, slope=[...], bias=[...], classes=[...], most=rows at once)` exports a model that was never trained."""

    def make(
        path: Path,
        kind: str,
        slope: Any = None,
        bias: Any = None,
        classes: list[str] | None = None,
        most: int | None = None,
    ) -> Path:
        width = 3 if kind == "multiclass" else 1
        module = _Scored(kind, slope or [0.8] * width, bias or [-0.4] * width, most)
        tf.saved_model.save(module, str(path), signatures={"serving_default": module.answer})
        about = {"target": {"column": "label", "type": kind}, "classes": CLASSES[kind] if classes is None else classes}
        write_json(path / "assets.extra" / "stellwerk.json", about)
        return path

    return make


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> dict[str, Path]:
    """A model of each kind, and a worse one as `<kind> before`."""
    folder = tmp_path_factory.mktemp("models")
    made = {kind: make_model(folder / kind, kind) for kind in CLASSES}
    for kind in CLASSES:
        width = 3 if kind == "multiclass" else 1
        made[f"{kind} before"] = make_model(folder / f"{kind}_before", kind, [0.1] * width, [0.3] * width)
    return made


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    """600 rows with a label for each kind of target, slices with missing values, and unlucky labels in none."""
    random = np.random.default_rng(7)
    distance = random.normal(0, 1.5, ROWS).astype(np.float32)
    noisy = distance + random.normal(0, 1, ROWS)
    carrier = random.choice(["AA", "B6", "UA", ""], ROWS, p=[0.4, 0.3, 0.25, 0.05])
    hour = np.where(random.random(ROWS) < 0.1, -1, random.integers(0, 4, ROWS))
    return pa.table(
        {
            "distance": pa.array(distance, mask=random.random(ROWS) < 0.03),
            "carrier": pa.array(carrier, mask=random.random(ROWS) < 0.03),
            "hour": pa.array(hour, mask=hour < 0),
            "binary": np.where(noisy > 0, "yes", "no"),
            "multiclass": np.array(["a", "b", "c"])[np.digitize(-noisy, [-0.7, 0.7])],
            "regression": (noisy * 0.8).astype(np.float32),
        }
    )


@pytest.fixture(scope="session")
def test_rows(tmp_path_factory: pytest.TempPathFactory, make_examples: Any, rows: pa.Table) -> Path:
    """Examples whose test split has all the rows."""
    return make_examples(tmp_path_factory.mktemp("data") / "examples", train=rows[:5], eval=rows[:5], test=rows)


@dataclass(frozen=True)
class Done:
    """Outputs of an evaluation."""

    path: Path
    evaluation: dict[str, Any]
    blessing: dict[str, Any]

    def slice(self, **values: Any) -> dict[str, Any]:
        return next(row for row in self.evaluation["slices"] if row["slice"] == values)


@pytest.fixture
def run(tmp_path: Path, test_rows: Path, models: dict[str, Path]) -> Callable[..., Done]:
    """`run(kind, settings, ...)` evaluates the model of that kind on the test rows; JSON values as in a pipeline.

    Nothing is asked but what `settings` name.
    """

    def evaluated(kind: str, settings: Mapping[str, Any] | None = None, **more: Any) -> Done:
        arguments = {
            "settings": json.loads(json.dumps({"over": "nothing", "min_gain": None, **(settings or {})})),
            "target": {"column": kind, "type": kind},
            "hooks": {},
            "examples": str(test_rows),
            "model": str(models[kind]),
            "evaluation": str(tmp_path / "evaluation"),
            "blessing": str(tmp_path / "blessing"),
            **more,
        }
        call("evaluate", arguments)
        path = tmp_path / "evaluation"
        return Done(path, read_json(path / "evaluation.json"), read_json(tmp_path / "blessing" / "blessing.json"))

    return evaluated
