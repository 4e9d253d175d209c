"""What the train step learns, and what it tells about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stellwerk.errors import DataError, StepFailed


def test_a_model_of_late_flights_ranks_better_than_chance(late_run):
    epochs = late_run.history["epochs"]
    assert [entry["epoch"] for entry in epochs] == [1, 2, 3]
    assert epochs[-1]["eval_auc"] > 0.62
    assert epochs[-1]["loss"] < epochs[0]["loss"]


def test_a_model_of_several_classes_learns_from_words(airport_run):
    last = airport_run.history["epochs"][-1]
    assert last["eval_accuracy"] > 0.6
    assert "auc" not in last


def test_a_regression_answers_in_the_unit_of_the_label(air_time, air_time_run):
    last = air_time_run.history["epochs"][-1]
    assert last["eval_mae"] < 25, "minutes"
    test = air_time.columns["test"]
    told = air_time_run.predict({name: test[name].to_pylist() for name in ("distance", "carrier")})["predictions"]
    error = np.abs(told[:, 0] - test["air_time"].to_numpy().astype(float)).mean()
    assert error == pytest.approx(last["eval_mae"], rel=0.2)


def test_the_history_says_what_an_epoch_cost_and_gave(late_run):
    history = late_run.history
    assert history["parameters"] > 1000
    assert history["best_epoch"] in {1, 2, 3}
    assert history["stopped_early"] is False
    assert history["resumed_from_epoch"] == 0
    expected = {"loss", "auc", "accuracy", "eval_loss", "eval_auc", "eval_accuracy", "seconds", "rows_per_second"}
    assert set(history["epochs"][0]) == expected | {"epoch"}


def test_tensorboard_reads_the_curves_of_both_splits(late_run):
    for split, prefix in (("train", ""), ("validation", "eval_")):
        events = EventAccumulator(str(late_run.history_path / "tensorboard" / split))
        events.Reload()
        assert "epoch_loss" in events.Tags()["tensors"]
        steps = [event.step for event in events.Tensors("epoch_auc")]
        assert steps == [0, 1, 2]
        last = float(tf.make_ndarray(events.Tensors("epoch_loss")[-1].tensor_proto))
        assert last == pytest.approx(late_run.history["epochs"][-1][f"{prefix}loss"])


def test_two_runs_give_the_same_weights(late, late_run, run_train):
    architecture = {"type": "wide_deep", "hidden": [32, 16], "dropout": 0.1}
    again = run_train(late, architecture, epochs=3, optimizer={"type": "adam", "learning_rate": 0.005})
    for first, second in zip(late_run.weights(), again.weights(), strict=True):
        assert np.array_equal(first, second)


def test_another_seed_gives_other_weights(late, run_train):
    first, second = (run_train(late, epochs=1, seed=seed) for seed in (1, -2))
    pairs = zip(first.weights(), second.weights(), strict=True)
    assert any(not np.array_equal(one, other) for one, other in pairs)


def test_early_stopping_keeps_the_weights_of_the_best_epoch(air_time, run_train):
    settings = {"epochs": 40, "early_stopping": 2, "optimizer": {"type": "sgd", "learning_rate": 0.5}}
    run = run_train(air_time, {"type": "dense", "hidden": [64]}, **settings)
    history = run.history
    losses = [entry["eval_loss"] for entry in history["epochs"]]
    assert history["stopped_early"] is True
    assert history["best_epoch"] == 1 + int(np.argmin(losses)) == len(losses) - 2
    rows = air_time.columns["eval"]
    told = run.predict({name: rows[name].to_pylist() for name in ("distance", "carrier")})["predictions"][:, 0]
    assert np.square(told - rows["air_time"].to_numpy()).mean() == pytest.approx(min(losses), rel=1e-4)


def test_balanced_class_weights_make_both_classes_equally_likely(late, run_train):
    test = late.columns["test"]
    columns = {name: test[name].to_pylist() for name in ("distance", "sched_dep_time", "carrier", "origin", "dest")}
    plain = run_train(late, epochs=1).predict(columns)["probabilities"].mean()
    balanced = run_train(late, epochs=1, class_weights="balanced").predict(columns)["probabilities"].mean()
    named = run_train(late, epochs=1, class_weights={"1": 100.0}).predict(columns)["probabilities"].mean()
    assert plain == pytest.approx(test["late"].to_numpy().mean(), abs=0.06)
    assert balanced == pytest.approx(0.5, abs=0.06)
    assert named > 0.9


def test_progress_counts_rows_over_all_epochs(late, run_train):
    told = []
    run_train(late, epochs=2, progress=lambda done, total=None, unit="rows": told.append((done, total, unit)))
    rows = late.columns["train"].num_rows
    assert told[-1] == (2 * rows, 2 * rows, "rows")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop", "adagrad"])
def test_every_optimizer_learns(air_time, run_train, optimizer):
    epochs = run_train(air_time, epochs=3, optimizer={"type": optimizer, "learning_rate": 0.01}).history["epochs"]
    assert epochs[-1]["eval_loss"] < epochs[0]["eval_loss"]


def test_a_loss_that_runs_away_stops_with_advice_and_leaves_no_model(air_time, run_train, tmp_path):
    with pytest.raises(StepFailed, match=r"epoch 1.*learning_rate \(now 1e\+30\)"):
        run_train(air_time, folder=tmp_path, optimizer={"type": "sgd", "learning_rate": 1e30})
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "history").exists()


def test_the_focal_loss_is_learned_by_and_reported(late, run_train):
    """Surely answered rows count less, so it is smaller than cross-entropy, and its answers are nearer to a half."""
    test = late.columns["test"]
    columns = {name: test[name].to_pylist() for name in ("distance", "sched_dep_time", "carrier", "origin", "dest")}
    plain, focal = run_train(late, epochs=3), run_train(late, epochs=3, loss={"type": "focal", "gamma": 2})
    assert focal.about["hyperparameters"]["train"]["loss"] == {"type": "focal", "gamma": 2.0, "alpha": None}
    assert "loss" not in plain.about["hyperparameters"]["train"]
    last, other = focal.history["epochs"][-1], plain.history["epochs"][-1]
    assert 0 < last["eval_loss"] < other["eval_loss"] / 2
    assert last["eval_auc"] > 0.55
    near = [np.abs(run.predict(columns)["probabilities"] - 0.5).mean() for run in (plain, focal)]
    assert near[1] < near[0]
    weighted = run_train(late, epochs=1, loss={"type": "focal", "alpha": 0.9})
    assert weighted.predict(columns)["probabilities"].mean() > focal.predict(columns)["probabilities"].mean()


def test_class_weights_for_an_unknown_class_are_refused(airport, run_train):
    with pytest.raises(StepFailed, match=r"'JFX' is no class of column 'origin'. Did you mean 'JFK'"):
        run_train(airport, class_weights={"JFX": 2.0})


def test_class_weights_of_a_quantity_are_refused(air_time, run_train):
    with pytest.raises(StepFailed, match="has no classes"):
        run_train(air_time, class_weights="balanced")


@pytest.mark.parametrize("empty", ["train", "eval"])
def test_a_split_without_rows_is_refused(air_time, run_train, make_examples, tmp_path, empty):
    rows = {"distance": np.ones(4, np.float32), "carrier": np.ones(4, np.int64), "label": np.arange(4.0)}
    none = {name: values[:0] for name, values in rows.items()}
    transformed = make_examples(tmp_path / "rows", **{"train": rows, "eval": rows, empty: none})
    with pytest.raises(DataError, match=f"The {empty} split has no rows"):
        run_train(replace(air_time, transformed=transformed))


@pytest.mark.parametrize(
    ("kind", "labels", "says"),
    [
        ("late", [1.0, 1.0, 1.0, 1.0], "has only the value '1' in the train split"),
        ("late", [1.0, 0.0, float("nan"), 1.0], "1 or more rows of the train split without"),
        ("airport", [-1, 0, 1, 1], "1 or more rows of the train split without"),
        ("airport", [2, 2, 2, 2], "has only the value 'LGA'"),
        ("air_time", [7.5, 7.5, 7.5, 7.5], "has only the value 7.5"),
        ("air_time", [7.5, float("inf"), 7.5, 7.5], "without a finite, known answer"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(request, run_train, make_examples, tmp_path, kind, labels, says):
    rows = {"label": np.asarray(labels)}
    transformed = make_examples(tmp_path / "rows", train=rows, eval=rows)
    with pytest.raises(DataError, match=says):
        run_train(replace(request.getfixturevalue(kind), transformed=transformed))
