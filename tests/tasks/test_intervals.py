"""Intervals hold what they say: of many small samples about 95 % have the value of the whole in theirs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from stellwerk.tasks import TASKS

RANDOM = np.random.default_rng(11)
SAMPLES, ROWS = 150, 250
LOOSE = {"r2": 0.75}
"""r2 takes the spread of the labels as known."""


def _rows(kind, rows):
    if kind == "binary":
        predicted = RANDOM.beta(2, 3, rows)
        return (RANDOM.random(rows) < predicted).astype(float), predicted[:, None]
    if kind == "multiclass":
        predicted = RANDOM.dirichlet([2, 1, 1], rows)
        return (RANDOM.random(rows)[:, None] > predicted.cumsum(axis=1)).sum(axis=1).clip(max=2), predicted
    if kind == "multilabel":
        predicted = RANDOM.beta(2, 3, (rows, 3))
        return (RANDOM.random((rows, 3)) < predicted).astype(np.float32), predicted
    labels = RANDOM.normal(5, 2, rows)
    return labels, (labels + RANDOM.normal(0, 1, rows))[:, None]


def _tally(kind, rows):
    classes = ("a", "b", "c")[: 3 if kind.startswith("multi") else 2]
    tally = TASKS.part(kind, "tally").new_tally(classes, 0.5, ("auc", "auc_pr"))
    labels, predictions = _rows(kind, rows)
    tally.add(labels, predictions, [np.zeros(rows, np.int64)])
    return tally


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression", "multilabel"])
def test_about_95_of_100_intervals_hold_the_metric_of_the_whole(kind):
    whole = _tally(kind, 100_000).metrics(1)
    held = defaultdict(list)
    for _ in range(SAMPLES):
        for name, (low, high) in _tally(kind, ROWS).intervals(1).items():
            held[name].append(low[0] <= whole[name][0] <= high[0])
    assert set(held) == set(whole)
    for name, hits in held.items():
        assert LOOSE.get(name, 0.85) <= np.mean(hits), name
        assert np.mean(hits) < 1 or name == "auc", name


def test_an_interval_that_is_not_defined_is_none():
    tally = TASKS.part("binary", "tally").new_tally(("no", "yes"), 0.5, ())
    tally.add(np.zeros(5), np.full((5, 1), 0.2), [np.zeros(5, np.int64)])
    ends = tally.intervals(2)
    assert np.isnan(ends["auc"][0]).all()
    assert np.isnan(ends["accuracy"][1][1])
    assert ends["accuracy"][0][0] == pytest.approx(0.566, abs=0.001)  # Wilson of 5 of 5
