"""A training loop of the user's own: what it is given, what it gives, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stellwerk.errors import HookError

KERAS = """
import keras

def fit(model, train, validation, settings):
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    return model.fit(train, validation_data=validation, epochs=settings.epochs, callbacks=[stop], shuffle=False, verbose=0)
"""

SHOWS = """
import json, pathlib
import tensorflow as tf

def fit(model, train, validation, settings):
    seen = {"inputs": {}, "rows": [], "first": []}
    for _ in range(2):
        rows, order = 0, []
        for inputs, labels in train:
            seen["inputs"] = {name: [value.dtype.name, value.shape[1:].as_list()] for name, value in inputs.items()}
            rows += len(labels)
            order += inputs["distance"].numpy().tolist()
        seen["rows"].append(rows)
        seen["first"].append(order[:20])
    seen["validation"] = sum(len(labels) for _, labels in validation)
    seen["batches"] = [len(train), settings.steps]
    seen["settings"] = [settings.epochs, settings.batch_size, settings.early_stopping, settings.seed]
    pathlib.Path(PLACE).write_text(json.dumps(seen))
    losses = [float(tf.reduce_mean(model.loss(labels, model(inputs)))) for inputs, labels in validation]
    return {"loss": [1.0], "val_loss": [sum(losses) / len(losses)]}
"""

RESUMES = """
import keras

class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and DIES:
            raise KeyboardInterrupt

def fit(model, train, validation, settings):
    keep = keras.callbacks.BackupAndRestore(str(settings.folder / "keras"))
    return model.fit(train, validation_data=validation, epochs=settings.epochs, callbacks=[keep, Stop()], shuffle=False, verbose=0)
"""

WRONG = """
def raises(model, train, validation, settings):
    return settings.epoch

def nothing(model, train, validation, settings):
    return None

def without(model, train, validation, settings):
    return {"loss": [1.0], "accuracy": [0.5]}

def uneven(model, train, validation, settings):
    return {"loss": [1.0, 2.0], "val_loss": [1.0]}

def empty(model, train, validation, settings):
    return {"loss": [], "val_loss": []}

def words(model, train, validation, settings):
    return {"loss": ["low"], "val_loss": [1.0]}

def endless(model, train, validation, settings):
    return {"loss": [1.0], "val_loss": [float("inf")]}

def leaves(model, train, validation, settings):
    model.trainable_variables[0].assign(model.trainable_variables[0] * float("nan"))
    return {"loss": [1.0], "val_loss": [1.0]}

def exits(model, train, validation, settings):
    raise SystemExit(3)
"""


@pytest.mark.parametrize(
    ("kind", "network"), [("late", "dense"), ("airport", "ensemble"), ("air_time", "dense"), ("air_time", "ensemble")]
)
def test_a_loop_by_keras_fit_learns_and_is_exported(request, run_train, kind, network):
    architecture = {"type": network, "hidden": [16]}
    run = run_train(
        request.getfixturevalue(kind), architecture, {"train.py": KERAS}, loop="train.py:fit", epochs=6, batch_size=64
    )
    epochs = run.history["epochs"]
    assert epochs[-1]["loss"] < 0.95 * epochs[0]["loss"]
    best = epochs[run.history["best_epoch"] - 1]
    assert best["eval_loss"] == pytest.approx(min(epoch["eval_loss"] for epoch in epochs))
    assert {"late": "eval_auc", "airport": "eval_accuracy", "air_time": "eval_mae"}[kind] in best
    assert run.about["hyperparameters"]["train"]["loop"] == "train.py:fit"
    assert all(np.isfinite(weights).all() for weights in run.weights() if weights.dtype.kind == "f")


def test_the_loss_of_the_compiled_model_is_the_loss_of_the_target(late, air_time, run_train):
    for prepared in (late, air_time):
        graph = run_train(prepared, epochs=3, batch_size=64)
        own = run_train(prepared, hooks={"train.py": KERAS}, loop="train.py:fit", epochs=3, batch_size=64)
        first, other = graph.history["epochs"][0], own.history["epochs"][0]
        assert other["loss"] == pytest.approx(first["loss"], rel=0.2)
        assert other["eval_loss"] == pytest.approx(first["eval_loss"], rel=0.2)


def test_a_loop_is_given_batches_of_named_arrays_in_another_order_every_time(airport, run_train, tmp_path):
    place = tmp_path / "seen.json"
    hooks = {"train.py": f"PLACE = {str(place)!r}\n{SHOWS}"}
    told = []
    run = run_train(
        airport,
        hooks=hooks,
        loop="train.py:fit",
        epochs=4,
        early_stopping=False,
        seed=3,
        progress=lambda done, total=None, unit="rows": told.append((done, total)),
    )
    seen = json.loads(place.read_text())
    rows = {split: table.num_rows for split, table in airport.columns.items()}
    assert seen["inputs"] == {"distance": ["float32", []], "trip": ["int32", [4]], "bag": ["float32", [50]]}
    assert seen["rows"] == [rows["train"]] * 2
    assert seen["first"][0] != seen["first"][1]
    assert seen["validation"] == rows["eval"]
    assert seen["batches"] == [-(-rows["train"] // 128)] * 2
    assert seen["settings"] == [4, 128, False, 3]
    assert told[-1] == (2 * rows["train"], 4 * rows["train"])
    assert run.history["stopped_early"] is True


def test_a_loop_goes_on_from_what_it_kept(air_time, run_train, tmp_path):
    settings = {"loop": "train.py:fit", "epochs": 4, "folder": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        run_train(air_time, hooks={"train.py": f"DIES = True\n{RESUMES}"}, **settings)
    assert list((tmp_path / "scratch").glob("loop-*/keras/*"))
    # The text of a hook is part of what decides the weights: with another there is nothing to take up.
    again = run_train(air_time, hooks={"train.py": f"DIES = False\n{RESUMES}"}, **settings)
    assert len(again.history["epochs"]) == 4
    assert not list((tmp_path / "scratch").iterdir()), "a training that is over leaves nothing"


def test_a_killed_loop_finds_its_folder_again(air_time, run_train, tmp_path, monkeypatch):
    text = f"import os\nDIES = 'DIES' in os.environ\n{RESUMES}".replace("and DIES", "and 'DIES' in os.environ")
    settings = {"hooks": {"train.py": text}, "loop": "train.py:fit", "epochs": 4, "folder": tmp_path}
    monkeypatch.setenv("DIES", "1")
    with pytest.raises(KeyboardInterrupt):
        run_train(air_time, **settings)
    monkeypatch.delenv("DIES")
    assert len(run_train(air_time, **settings).history["epochs"]) == 2, "two of the four were made before"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (
            "raises",
            r"train\.loop: train\.py:raises \(line 3\) raised AttributeError.*'epoch'.*called with \(model, train, vali",
        ),
        ("nothing", "train.py:nothing returned NoneType. Return what was measured"),
        ("without", "returned a history of loss, accuracy, without 'val_loss'"),
        ("uneven", "these numbers of epochs: loss: 2, val_loss: 1"),
        ("empty", "these numbers of epochs: loss: 0, val_loss: 0"),
        ("words", "'loss' is no list of finite numbers"),
        ("endless", "'val_loss' is no list of finite numbers"),
        ("leaves", r"left \d+ weights of '.*' that are NaN or infinite"),
        ("exits", "raised SystemExit: 3"),
        ("absent", "has no function 'absent'"),
    ],
)
def test_a_loop_that_does_something_else_is_refused(air_time, run_train, function, says):
    with pytest.raises(HookError, match=says):
        run_train(air_time, hooks={"train.py": WRONG}, loop=f"train.py:{function}", epochs=1)
