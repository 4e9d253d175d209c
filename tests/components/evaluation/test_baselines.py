"""A model has to be better than one that knows nothing, and no worse than the last blessed one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from stellwerk.components.evaluation.requirements import Measured, check_all
from stellwerk.components.evaluation.warnings import warnings
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.target import Target

BASELINES = {"trivial": {"auc": 0.5, "rmse": 3.0}, "linear": {"auc": 0.8, "rmse": 2.0}}


def _checks(value, before=None, metric="auc", baselines=BASELINES, **settings):
    whole = Measured(0, {}, 100, {metric: value}, None if before is None else {metric: before})
    return {check.bound: check for check in check_all(Evaluate(**settings), metric, [whole], baselines)}


@pytest.mark.parametrize(("metric", "value", "ok"), [("auc", 0.6, True), ("auc", 0.5, False), ("rmse", 3.1, False)])
def test_by_default_a_model_has_to_beat_the_trivial_one(metric, value, ok):
    check = _checks(value, metric=metric)["over"]
    assert check.ok is ok
    assert "the trivial baseline's" in check.sentence
    assert check.as_json()["over"] == "trivial"


def test_more_can_be_asked_and_nothing():
    assert not _checks(0.79, over="linear")["over"].ok
    asked = {"require": {"auc": {"over": "linear", "by": 0.01}}}
    assert not _checks(0.805, **asked)["over"].ok
    assert _checks(0.815, **asked)["over"].ok
    assert _checks(0.3, over="nothing") == {}


def test_a_model_of_another_hand_is_not_asked_by_default_but_by_name():
    assert _checks(0.4, baselines={}) == {}
    asked = _checks(0.4, baselines={}, require={"auc": {"over": "linear"}})["over"]
    assert not asked.ok
    assert "is not known" in asked.sentence


def test_by_default_a_model_that_is_worse_than_the_last_blessed_one_is_refused():
    assert not _checks(0.81, before=0.82)["min_gain"].ok
    assert _checks(0.82, before=0.82)["min_gain"].ok
    assert _checks(0.81, before=0.82, min_gain=-0.02)["min_gain"].ok
    assert _checks(0.81, before=0.82, require={"auc": {"min_gain": -0.02}})["min_gain"].ok
    assert "min_gain" not in _checks(0.81, before=0.82, min_gain=None)


def test_by_says_by_how_much_and_needs_over():
    with pytest.raises(ValueError, match="Give over: linear too"):
        Evaluate(require={"auc": {"min": 0.5, "by": 0.1}})


def test_the_trivial_model_is_measured_on_the_same_rows(run, models, tmp_path):
    model = tmp_path / "model"
    _copied(models["binary"], model, trivial=[0.25])
    asked = {"over": "trivial", "metrics": ["auc", "mean_prediction", "mean_label"]}
    done = run("binary", asked, model=str(model))
    measured = done.evaluation["baselines"]["trivial"]
    assert measured["auc"] == 0.5
    assert measured["mean_prediction"] == pytest.approx(0.25)
    assert measured["mean_label"] == pytest.approx(done.evaluation["slices"][0]["metrics"]["mean_label"])
    (asked,) = done.blessing["requirements"]
    assert asked["ok"]
    assert (asked["bound"], asked["over"]) == ("over", "trivial")


def _copied(model: Path, to: Path, **more) -> None:
    shutil.copytree(model, to)
    about = to / "assets.extra" / "stellwerk.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), **more}))


def _found(counts, classes=("no", "yes"), value=0.9, linear=0.8, interval=(0.85, 0.95)):
    whole = {"metrics": {"accuracy": value}, "intervals": {"accuracy": interval}, "examples": int(np.sum(counts))}
    beside = {"linear": {"accuracy": linear}}
    return {
        "main": "accuracy",
        "slices": [whole],
        "baselines": beside,
        "confusion": {"classes": list(classes), "counts": counts},
    }


def _said(found, trivial=(0.5,), kind="binary"):
    target = Target(column="left", type=kind)
    return list(warnings(found, target, trivial, found["confusion"]["classes"]))


def test_a_class_that_is_never_predicted_is_told():
    (said,) = _said(_found([[50, 0], [40, 0]]))
    assert said.startswith("'yes' is never predicted, and 40 of the 90 examples")
    assert _said(_found([[50, 0], [10, 30]])) == []


def test_a_linear_model_that_is_better_or_cannot_be_told_apart_is_told():
    (better,) = _said(_found([[50, 0], [10, 30]], value=0.7))
    assert "A linear model is better" in better
    (near,) = _said(_found([[50, 0], [10, 30]], linear=0.88))
    assert "too few to tell the model from a linear one" in near


def test_a_split_with_other_shares_of_the_classes_names_stratify():
    (said,) = _said(_found([[90, 0], [0, 10]]), trivial=(0.5,))
    assert "data.split.stratify: left" in said
