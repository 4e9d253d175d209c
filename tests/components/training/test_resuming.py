"""A training that is killed goes on where it was, and ends with the same model."""

from __future__ import annotations

import json
import signal
import subprocess

import numpy as np
import pytest
from tests.warm.asking import Warm

from stellwerk.components.calling import call
from stellwerk.components.training.loops import graph

TRAIN = """
import json, os, signal, sys, warnings
warnings.filterwarnings("ignore")
from stellwerk.components.calling import call

given = json.loads(sys.stdin.read())

def progress(done, total=None, unit="rows"):
    if given["die"] and done > total // 2:
        os.kill(os.getpid(), signal.SIGKILL)

call("train", {**given["arguments"], "progress": progress})
"""


def _train_in_a_process_of_its_own(warm: Warm, late, folder, *, die: bool) -> subprocess.CompletedProcess[str]:
    """As the runner does it: what TensorFlow was used for before decides how it cuts its sums."""
    arguments = {
        "architecture": {"type": "wide_deep", "hidden": [32, 16], "dropout": 0.1},
        "training": {"batch_size": 128, "epochs": 3, "optimizer": {"type": "adam", "learning_rate": 0.005}},
        "target": late.target,
        "hooks": {},
        "transformed": str(late.transformed),
        "transform_graph": str(late.graph),
        **{name: str(folder / name) for name in ("model", "history", "scratch")},
    }
    given = json.dumps({"arguments": arguments, "die": die})
    return warm.run("python", "-c", TRAIN, given=given)


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(warm, late, left_by, tmp_path):
    killed = _train_in_a_process_of_its_own(warm, late, tmp_path, die=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "model").exists()

    for folder in (tmp_path, tmp_path / "whole"):
        trained = _train_in_a_process_of_its_own(warm, late, folder, die=False)
        assert trained.returncode == 0, trained.stderr
    resumed, whole = left_by(tmp_path), left_by(tmp_path / "whole")
    assert resumed.history["resumed_from_epoch"] == 1
    assert len(resumed.history["epochs"]) == 3
    for one, other in zip(resumed.weights(), whole.weights(), strict=True):
        assert np.array_equal(one, other)
    assert not list(resumed.scratch.iterdir()), "a training that is over leaves no checkpoint"


def _stopped_after(finished, prepared, run_train, folder, **training):
    """Trains until so many epochs are finished and stops as Ctrl-C does."""
    rows = prepared.columns["train"].num_rows

    def progress(done, total=None, unit="rows"):
        if done > finished * rows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_train(prepared, folder=folder, progress=progress, **training)


def test_early_stopping_remembers_across_a_stop(air_time, run_train, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "CHECKPOINT_SHARE", 0)  # after every epoch, however short
    settings = {"epochs": 40, "early_stopping": 2, "optimizer": {"type": "sgd", "learning_rate": 0.5}}
    whole = run_train(air_time, **settings)
    best = whole.history["best_epoch"]
    _stopped_after(best + 1, air_time, run_train, tmp_path, **settings)
    resumed = run_train(air_time, folder=tmp_path, **settings)
    assert resumed.history["resumed_from_epoch"] == best + 1
    assert resumed.history["best_epoch"] == best
    for one, other in zip(resumed.weights(), whole.weights(), strict=True):
        assert np.array_equal(one, other)


def test_a_mixture_is_the_same_after_a_stop(air_time, run_train, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "CHECKPOINT_SHARE", 0)
    settings = {"architecture": {"type": "ensemble", "members": 2, "hidden": [8]}, "epochs": 4}
    whole = run_train(air_time, **settings)
    _stopped_after(2, air_time, run_train, tmp_path, **settings)
    resumed = run_train(air_time, folder=tmp_path, **settings)
    assert resumed.history["resumed_from_epoch"] == 2
    assert resumed.history["mixed"] == whole.history["mixed"]
    for one, other in zip(resumed.weights(), whole.weights(), strict=True):
        assert np.array_equal(one, other)


def test_a_checkpoint_of_other_settings_is_not_taken_up(air_time, run_train, tmp_path):
    _stopped_after(1, air_time, run_train, tmp_path, epochs=2)
    run = run_train(air_time, folder=tmp_path, epochs=2, optimizer={"learning_rate": 0.1})
    assert run.history["resumed_from_epoch"] == 0


def test_a_damaged_checkpoint_is_not_taken_up(air_time, run_train, tmp_path):
    _stopped_after(1, air_time, run_train, tmp_path, epochs=2)
    file = tmp_path / "scratch" / "checkpoint.npz"
    file.write_bytes(file.read_bytes()[:1000])
    assert run_train(air_time, folder=tmp_path, epochs=2).history["resumed_from_epoch"] == 0


def test_without_scratch_nothing_is_kept(air_time, tmp_path):
    arguments = {
        "architecture": {"type": "dense", "hidden": [4]},
        "training": {"epochs": 1},
        "target": air_time.target,
        "hooks": {},
        "transformed": air_time.transformed,
        "transform_graph": air_time.graph,
        "model": tmp_path / "model",
        "history": tmp_path / "history",
    }
    call("train", arguments)
    assert {path.name for path in tmp_path.iterdir()} == {"model", "history"}
