"""Every metric of the table has a formula, with an interval, and a class of TFMA or Keras that it equals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tensorflow_model_analysis as tfma  # noqa: F401 - registers its metrics
import tf_keras
from tensorflow_model_analysis.metrics import metric_types

from stellwerk.metrics import METRICS, bounds
from stellwerk.tasks import TASKS, about
from stellwerk.tasks.formula import Formula, formulas
from stellwerk.tasks.measures import by_task, measures

EACH = [(name, task) for name in METRICS for task in by_task(name)]
CLASSES = {
    "binary": ("no", "yes"),
    "multiclass": ("a", "b", "c"),
    "regression": (),
    "multilabel": ("a", "b", "c"),
    "forecast": (),
}
WITHOUT = {"mase", "smape", "pinball", "hamming_loss"}
"""Metrics that TFMA does not have."""
EXACT = ("accuracy", "multilabel")
"""Nor has it this one: all labels of a row are right."""
ROWS = 400


@pytest.fixture(scope="module")
def tallies():
    random = np.random.default_rng(5)
    shares = random.dirichlet([2, 1, 1], ROWS)
    labels = {
        "binary": (random.random(ROWS) < shares[:, 0]).astype(float),
        "multiclass": (random.random(ROWS)[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(max=2),
        "regression": 3 * shares[:, 0] + random.normal(0, 0.2, ROWS),
        "multilabel": (random.random((ROWS, 3)) < shares).astype(np.float32),
        "forecast": random.normal(5, 1, (ROWS, 3)),
    }
    made = {}
    for task, classes in CLASSES.items():
        made[task] = TASKS.part(task, "tally").new_tally(classes, 0.5, tuple(measures(task)))
        if about(task).many:
            made[task].know({"quantiles": [0.5], "naive_error": 2.0})
        predictions = (
            shares
            if task in ("multiclass", "multilabel", "forecast")
            else 3 * shares[:, :1]
            if task == "regression"
            else shares[:, :1]
        )
        made[task].add(labels[task], predictions, [np.zeros(ROWS, np.int64)])
    return made


@pytest.mark.parametrize(("name", "task"), EACH)
def test_a_metric_is_counted_with_its_interval_and_within_its_bounds(tallies, name, task):
    assert isinstance(formulas(task, ())[name], Formula)
    (value,), ((low,), (high,)) = tallies[task].metrics(1)[name], tallies[task].intervals(1)[name]
    least, most = bounds(name)
    assert low <= value <= high
    assert least is None or value >= least
    assert most is None or value <= most


@pytest.mark.parametrize(("name", "task"), EACH)
def test_a_metric_is_a_class_of_tfma_or_keras(name, task):
    class_name = by_task(name)[task].tfma
    if name in WITHOUT or (name, task) == EXACT:
        assert not class_name
        return
    assert class_name in metric_types.registered_metrics() or hasattr(tf_keras.metrics, class_name)


def test_what_ranks_is_not_counted_where_nobody_wants_it():
    labels, predictions = np.array([0, 1, 2]), np.eye(3)
    for wanted, counted in (((), False), (("auc",), True)):
        tally = TASKS.part("multiclass", "tally").new_tally(CLASSES["multiclass"], 0.5, wanted)
        tally.add(labels, predictions, [np.zeros(3, np.int64)])
        assert np.isfinite(tally.metrics(1)["auc"][0]) == counted


def test_a_tally_travels_between_workers(tallies):
    for tally in tallies.values():
        there = pickle.loads(pickle.dumps(tally))
        assert {name: values[0] for name, values in there.metrics(1).items()} == pytest.approx(
            {name: values[0] for name, values in tally.metrics(1).items()}
        )
