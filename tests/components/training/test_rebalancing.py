"""Classes that are rare are given as often as frequent ones: exactly, in every pass, and to the network alone."""

from __future__ import annotations

import numpy as np
import pytest

from stellwerk.components.training.packing import Chunk
from stellwerk.components.training.rebalancing import MOST, Rebalanced
from stellwerk.errors import StepFailed
from stellwerk.tasks.labels import Labels

COUNTS = np.array([900, 70, 0, 30])


def _chunks(seed):
    """All rows in some order, in chunks; `ids` says which row each is."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(4), COUNTS)).astype(np.int32)
    for start in range(0, len(labels), 64):
        part = labels[start : start + 64]
        yield Chunk(np.zeros((len(part), 0)), np.arange(start, start + len(part))[:, None], part)


def _drawn(rebalanced, seed):
    draw = rebalanced.drawing(np.random.default_rng(seed))
    parts = [part for chunk in _chunks(1) for part in draw(chunk, 50)]
    assert max(map(len, parts)) <= 50
    return np.concatenate([part.labels for part in parts]), np.concatenate([part.ids[:, 0] for part in parts])


@pytest.mark.parametrize(("how", "each"), [("oversample", 900), ("undersample", 30)])
def test_each_class_is_given_exactly_as_often_and_its_rows_evenly(how, each):
    rebalanced = Rebalanced.of(Labels(1000, COUNTS.astype(float)), how)
    labels, rows = _drawn(rebalanced, 5)
    assert np.bincount(labels, minlength=4).tolist() == [each, each, 0, each]
    assert rebalanced.rows == len(labels)
    for one in (0, 1, 3):
        times = np.unique(rows[labels == one], return_counts=True)[1]
        assert np.ptp(times) <= 1
        assert len(times) == min(each, COUNTS[one])


def test_another_pass_leaves_out_other_rows():
    rebalanced = Rebalanced.of(Labels(1000, COUNTS.astype(float)), "undersample")
    first, second = (set(rows[labels == 0]) for labels, rows in (_drawn(rebalanced, seed) for seed in (1, 2)))
    assert len(first & second) < 15


def test_the_weights_say_the_same_to_who_sees_all_rows_once():
    for how in ("oversample", "undersample"):
        weights = Rebalanced.of(Labels(1000, COUNTS.astype(float)), how).weights
        totals = weights * COUNTS
        assert totals[[0, 1, 3]] == pytest.approx([1000 / 3] * 3)


def test_no_row_is_given_endlessly_often():
    few = Rebalanced.of(Labels(10_001, np.array([10_000.0, 1.0])), "oversample")
    assert few.given.tolist() == [10_000, MOST]


@pytest.mark.parametrize("how", ["oversample", "undersample"])
def test_a_rebalanced_network_finds_both_classes_equally_likely(late, run_train, how):
    told = []
    run = run_train(late, epochs=2, rebalance=how, progress=lambda done, total=None, unit="rows": told.append(done))
    test, train = late.columns["test"], late.columns["train"]["late"].to_numpy()
    columns = {name: test[name].to_pylist() for name in ("distance", "sched_dep_time", "carrier", "origin", "dest")}
    assert run.predict(columns)["probabilities"].mean() == pytest.approx(0.5, abs=0.07)
    counts = np.bincount(train.astype(int))
    assert told[-1] == 2 * 2 * (counts.max() if how == "oversample" else counts.min())


def test_a_loop_of_the_users_own_is_given_rebalanced_batches(late, run_train):
    source = """
def fit(model, train, validation, settings):
    shares = [float(labels.numpy().mean()) for _, labels in train.unbatch().batch(10_000)]
    assert len(train) == settings.steps and abs(shares[0] - 0.5) < 0.001, shares
    return {"loss": [1.0], "val_loss": [1.0]}
"""
    run_train(late, hooks={"train.py": source}, loop="train.py:fit", epochs=1, rebalance="undersample")


def test_a_quantity_has_no_classes_to_rebalance(air_time, run_train):
    with pytest.raises(StepFailed, match=r"train\.rebalance: a target that is a quantity"):
        run_train(air_time, rebalance="oversample")
