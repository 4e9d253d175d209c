"""A feature may be numbers in a fixed shape: it is learned from, exported, judged and asked like any other."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.calling import call
from stellwerk.serving.loading import LoadedModel

SOURCE = """
import tensorflow as tf

def wave(columns):
    '''Eight points of a wave, [batch, 8]: its phase is what is to be told.'''
    return tf.sin(columns["phase"][:, None] + tf.range(8, dtype=tf.float32))

def grid(columns):
    return tf.reshape(wave(columns), [-1, 4, 2])

def picture(columns):
    return tf.cast(tf.round(127.5 * (grid(columns) + 1)), tf.uint8)[..., None]

def steps(columns):
    return tf.cast(tf.round(10 * grid(columns)), tf.int64)
"""

NETWORK = """
import keras

def build(inputs):
    grid = inputs["grid"]
    assert tuple(grid.shape) == (None, 4, 2), grid.shape
    return keras.layers.Flatten()(keras.layers.Conv1D(8, 2, activation="relu")(grid))
"""

FIT = """
def fit(model, train, validation, settings):
    for inputs, labels in train.take(1):
        assert {name: (value.dtype.name, tuple(value.shape[1:])) for name, value in inputs.items()} == EXPECTED
    return model.fit(train, validation_data=validation, epochs=settings.epochs, shuffle=False, verbose=0)
"""

SHAPES = {
    "wave": ("float32", (8,)),
    "grid": ("float32", (4, 2)),
    "picture": ("uint8", (4, 2, 1)),
    "steps": ("int64", (4, 2)),
}
ROWS = 600
TARGET = {"column": "up", "type": "binary"}
HOOKS = {"features.py": SOURCE, "model.py": NETWORK}


def _rows(seed: int) -> pa.Table:
    """The label is the sign of the sine of twice the phase: no straight line through the points tells it."""
    phase = np.random.default_rng(seed).uniform(0, 4 * np.pi, ROWS).astype(np.float32)
    return pa.table({"phase": phase, "up": (np.sin(phase) * np.cos(phase) > 0).astype(np.int64)})


def _made(prepare, *names):
    features = {name: {"transform": f"features.py:{name}", "columns": ["phase"]} for name in names}
    return prepare(
        features, TARGET, hooks=HOOKS, **{split: _rows(at) for at, split in enumerate(("train", "eval", "test"))}
    )


@pytest.fixture(scope="module")
def all_shapes(prepare):
    return _made(prepare, *SHAPES)


SETTINGS = {"epochs": 12, "batch_size": 32, "optimizer": {"learning_rate": 0.01}}


@pytest.mark.parametrize("name", list(SHAPES))
def test_a_network_learns_from_numbers_in_any_shape(prepare, run_train, name):
    run = run_train(_made(prepare, name), {"type": "dense", "hidden": [32]}, **SETTINGS)
    best = run.history["epochs"][run.history["best_epoch"] - 1]
    assert best["eval_auc"] > 0.95
    phase = np.array([0.7, 2.2], np.float32)
    told = run.predict({"phase": phase})["probabilities"][:, 0]
    assert told[0] > 0.5 > told[1]


@pytest.mark.parametrize(
    "architecture", [{"type": "ensemble", "members": 2, "hidden": [32]}, {"type": "wide_deep", "hidden": [32]}]
)
def test_every_network_takes_them_beside_one_another(all_shapes, run_train, architecture):
    run = run_train(all_shapes, architecture, **SETTINGS)
    assert max(epoch["eval_auc"] for epoch in run.history["epochs"]) > 0.95


def test_a_model_of_the_users_own_is_given_the_shape(all_shapes, run_train):
    run = run_train(all_shapes, {"build": "model.py:build", "type": "custom"}, HOOKS, **SETTINGS)
    assert max(epoch["eval_auc"] for epoch in run.history["epochs"]) > 0.95


def test_a_loop_of_the_users_own_is_given_named_arrays_of_every_type_and_shape(all_shapes, run_train):
    hooks = {"train.py": f"EXPECTED = {SHAPES!r}\n{FIT}"}
    run = run_train(all_shapes, hooks=hooks, loop="train.py:fit", **SETTINGS)
    assert run.history["epochs"][-1]["loss"] < run.history["epochs"][0]["loss"]


def test_what_is_served_and_judged_is_what_was_learned(prepare, run_train, tmp_path):
    prepared = _made(prepare, "picture")
    run = run_train(prepared, {"type": "ensemble", "members": 2, "hidden": [32]}, **SETTINGS)
    call(
        "evaluate",
        {
            "settings": {"require": {"auc": {"min": 0.9}}},
            "target": TARGET,
            "hooks": {},
            "examples": prepared.examples,
            "model": run.model,
            "evaluation": tmp_path / "evaluation",
            "blessing": tmp_path / "blessing",
        },
    )
    assert json.loads((tmp_path / "blessing" / "blessing.json").read_text())["blessed"] is True
    with LoadedModel(run.model) as model:
        phase = prepared.columns["test"]["phase"].to_numpy()
        answered = model.predict({"phase": phase})["probabilities"]
    assert np.allclose(answered, run.predict({"phase": phase})["probabilities"], rtol=1e-5)
