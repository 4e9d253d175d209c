"""Heads: what an untrained network answers, what is measured of an epoch, and what a served model calls its outputs."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from stellwerk.tasks import TASKS, about
from stellwerk.tasks.binary.head import RankMeasures
from stellwerk.tasks.labels import Labels

CLASSES = {
    "binary": ("no", "yes"),
    "multiclass": ("a", "b", "c"),
    "regression": (),
    "multilabel": ("a", "b"),
    "forecast": (),
}
FACTS = {"steps": 2, "quantiles": [0.5], "naive_error": 2.0, "loss": "huber", "past": "y"}
LABELS = {
    "binary": Labels(4, np.array([3.0, 1.0])),
    "multiclass": Labels(900, np.array([500.0, 300.0, 100.0])),
    "regression": Labels(4, np.empty(0), 100.0, 5.0),
    "multilabel": Labels(998, np.array([499.0, 99.0])),
    "forecast": Labels(4, np.empty(0), 100.0, 5.0, FACTS),
}
ANSWERS = {
    "binary": [[0.25], [0.75]],
    "multiclass": [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]],
    "regression": [[99.0], [105.0]],
    "multilabel": [[0.5, 0.2], [0.1, 0.8]],
    "forecast": [[99.0, 101.0], [105.0, 110.0]],
}
TRUE = {
    "binary": [0.0, 1.0],
    "multiclass": [1, 2],
    "regression": [100.0, 100.0],
    "multilabel": [[1.0, 0.0], [0.0, 1.0]],
    "forecast": [[100.0, 100.0], [100.0, 100.0]],
}
LOST = {
    "binary": [-np.log(0.75), -np.log(0.75)],
    "multiclass": [-np.log(0.3), -np.log(0.7)],
    "regression": [1 / 25, 1.0],
    "multilabel": [-np.log([0.5, 0.8]).mean(), -np.log([0.9, 0.8]).mean()],
    "forecast": [1 / 50, (0.5 + 1.5) / 2],
}
MEASURED = {
    "binary": {"accuracy": 1.0, "auc": 1.0},
    "multiclass": {"accuracy": 0.5},
    "regression": {"mae": 3.0},
    "multilabel": {"accuracy": 0.5},
    "forecast": {"mae": 4.25},
}


def _head(task):
    return TASKS.part(task, "head").HEAD(LABELS[task], np.ones(max(1, len(CLASSES[task])), np.float32), CLASSES[task])


@pytest.mark.parametrize("task", TASKS.own)
def test_a_head_has_a_unit_for_each_score_and_serves_the_output_that_is_evaluated(task):
    head, answers = _head(task), tf.constant(ANSWERS[task])
    scores = FACTS["steps"] if about(task).many else len(CLASSES[task])
    assert head.units == (1 if about(task).one_score else scores) == head.prior().size
    assert head.signature(answers)[about(task).output].numpy().tolist() == answers.numpy().tolist()


@pytest.mark.parametrize("task", TASKS.own)
def test_an_untrained_network_answers_about_what_the_trivial_model_does(task):
    scores = np.asarray(_head(task).prior()[None, :])
    trivial = TASKS.part(task, "label").trivial(LABELS[task]) or [LABELS[task].mean] * FACTS["steps"]
    assert _head(task).output(tf.constant(scores)).numpy()[0] == pytest.approx(trivial, abs=0.05)


@pytest.mark.parametrize("task", TASKS.own)
def test_the_loss_of_a_row_is_that_of_its_task(task):
    labels = tf.constant(TRUE[task])
    assert _head(task).losses(labels, tf.constant(ANSWERS[task])).numpy() == pytest.approx(LOST[task], rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_the_focal_loss_is_that_of_keras(gamma):
    random = np.random.default_rng(0)
    sure = 1 / (1 + np.exp(-random.normal(0, 4, (50, 1)))).astype(np.float32)
    labels = (random.random(50) < 0.5).astype(np.float32)
    known = keras.losses.BinaryFocalCrossentropy(True, 0.8, gamma, reduction=None)(labels[:, None], sure)
    head = replace(_head("binary"), gamma=gamma, weights=np.array([0.2, 0.8], np.float32))
    assert np.allclose(head.losses(tf.constant(labels), tf.constant(sure)), known, rtol=1e-4, atol=1e-7)
    among = tf.nn.softmax(random.normal(0, 3, (50, 3)).astype(np.float32))
    which = random.integers(0, 3, 50)
    weights = np.array([0.2, 0.5, 0.3], np.float32)
    known = keras.losses.CategoricalFocalCrossentropy(list(weights), gamma, reduction=None)(np.eye(3)[which], among)
    head = replace(_head("multiclass"), gamma=gamma, weights=weights)
    assert np.allclose(head.losses(tf.constant(which), among), known, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("score", [-300.0, -20.0, 0.0, 20.0, 300.0])
def test_the_focal_loss_is_finite_however_sure_a_model_is(gamma, score):
    """Asked in a graph, where Keras goes back from probabilities to scores, as in training."""
    heads = {name: replace(_head(name), gamma=gamma) for name in ("binary", "multiclass")}

    @tf.function
    def lost(scores, name):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            labels = tf.constant([1.0]) if name == "binary" else tf.constant([0])
            loss = heads[name].losses(labels, heads[name].output(scores))
        return loss, tape.gradient(loss, scores)

    for name, scores in (("binary", [[score]]), ("multiclass", [[score, 0.0, -1.0]])):
        loss, gradient = lost(tf.constant(scores), name)
        assert np.isfinite(loss).all()
        assert np.isfinite(gradient).all()
        if score < -100:
            assert loss.numpy()[0] == pytest.approx(-score, rel=1e-2)
            assert gradient.numpy()[0, 0] == pytest.approx(-1, rel=1e-3)


@pytest.mark.parametrize("task", TASKS.own)
def test_an_epoch_is_measured_from_one_number_a_row(task):
    head, measures = _head(task), _head(task).measures()
    seen = head.seen(tf.constant(TRUE[task]), tf.constant(ANSWERS[task])).numpy()
    measures.add(np.array(TRUE[task], np.float32), seen)
    assert measures.result() == pytest.approx(MEASURED[task])


@pytest.mark.parametrize("task", TASKS.own)
def test_classes_are_classified_and_quantities_regressed(task):
    method, answers = _head(task).judgement(tf.constant(ANSWERS[task]))
    assert method == ("classify" if about(task).has_names else "regress")
    if about(task).several:
        assert answers["scores"].numpy().tolist() == tf.constant(ANSWERS[task]).numpy().tolist()
    elif about(task).has_classes:
        assert answers["scores"].numpy().sum(axis=1) == pytest.approx([1.0, 1.0])
        assert answers["classes"].numpy()[0].tolist() == [name.encode() for name in CLASSES[task]]
    else:
        assert answers["outputs"].numpy().tolist() == [99.0, 105.0]


def test_auc_is_the_share_of_pairs_in_the_right_order():
    random = np.random.default_rng(0)
    labels = (random.random(2_000) < 0.3).astype(np.float32)
    odds = random.normal(size=2_000) + labels
    probabilities = (1 / (1 + np.exp(-odds))).astype(np.float32)
    measures = RankMeasures()
    for part in np.array_split(np.arange(2_000), 3):
        measures.add(labels[part], probabilities[part])
    positive, negative = probabilities[labels == 1], probabilities[labels == 0]
    exact = (positive[:, None] > negative[None, :]).mean()
    assert measures.result()["auc"] == pytest.approx(exact, abs=1e-4)
    assert measures.result()["accuracy"] == pytest.approx(((probabilities > 0.5) == labels).mean())


def test_auc_is_left_out_where_one_class_is_missing():
    measures = RankMeasures()
    measures.add(np.ones(3, np.float32), np.array([0.0, 0.5, 1.0], np.float32))
    assert set(measures.result()) == {"accuracy"}
