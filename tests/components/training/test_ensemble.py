"""The default network: members that learn apart and answer together, numbers in pieces, and a linear model beside them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Ridge

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.last_layer import complete
from stellwerk.components.training.linear import Linear
from stellwerk.components.training.networks.body import Inputs
from stellwerk.components.training.networks.ensemble.build import build
from stellwerk.components.training.networks.ensemble.keys import Ensemble
from stellwerk.components.training.packing import Chunk, Packing
from stellwerk.spec.target import Target
from stellwerk.tasks.binary.head import HEAD
from stellwerk.tasks.labels import Labels

NUMBERS = (ModelInput("distance", "number"), ModelInput("flag", "number"))
SAMPLE = {"distance": np.linspace(-1, 3, 101), "flag": np.repeat([0.0, 1.0], 50)}
BINARY = HEAD(Labels(100, np.array([75.0, 25.0])), np.ones(2, np.float32), ("no", "yes"))


def _models(**settings):
    inputs = Inputs.make(NUMBERS, SAMPLE)
    learns, answers = complete(BINARY, build(Ensemble(type="ensemble", **settings), inputs, 1, {}))
    return keras.Model(inputs.tensors, learns), keras.Model(inputs.tensors, answers)


ROWS = {"distance": np.array([-1.0, 0.0, 2.0], np.float32), "flag": np.array([0.0, 1.0, 1.0], np.float32)}


def test_each_member_answers_and_their_mean_is_the_answer():
    learns, answers = _models(members=4, hidden=(8, 8))
    apart, together = learns(ROWS).numpy(), answers(ROWS).numpy()
    assert apart.shape == (3, 4, 1)
    assert np.allclose(apart.mean(axis=1), together)
    assert np.ptp(apart[2]) > 0


def test_untrained_it_answers_about_with_the_share_of_the_positive_class():
    _, answers = _models()
    assert answers(ROWS).numpy() == pytest.approx(np.full((3, 1), 0.25), abs=0.03)


def test_a_number_is_told_by_how_far_it_is_through_each_bin_and_one_of_two_values_is_not():
    learns, _ = _models(bins=4, hidden=(8,))
    pieces = keras.Model(learns.inputs, learns.get_layer("features_and_pieces").output)
    values = pieces(ROWS).numpy()
    assert values.shape == (3, 2 + 4)
    assert values[:, 2:] == pytest.approx(np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]]), abs=1e-5)
    plain, _ = _models(bins=0)
    assert "features_and_pieces" not in [layer.name for layer in plain.layers]


def test_losses_of_members_are_those_of_each_answer():
    labels = tf.constant([0.0, 1.0, 1.0])
    learns, _ = _models(members=3)
    outputs = learns(ROWS)
    losses = BINARY.losses(tf.broadcast_to(labels[:, None], [3, 3]), outputs).numpy()
    p = outputs.numpy()[..., 0]
    expected = -np.where(labels.numpy()[:, None] > 0.5, np.log(p), np.log(1 - p))
    assert losses == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_linear_baseline_answers_in_the_graph_as_scikit_learn_does(kind):
    random = np.random.default_rng(3)
    inputs = (*NUMBERS, ModelInput("carrier", "id", size=3), ModelInput("words", "tokens", width=2, size=5))
    packing = Packing(inputs, "label", kind == "multiclass")
    floats = random.normal(size=(400, 2)).astype(np.float32)
    ids = np.column_stack([random.integers(0, 3, 400), random.integers(0, 5, (400, 2))]).astype(np.int32)
    score = floats[:, 0] + (ids[:, 0] == 2)
    labels = {"binary": score > 0.5, "multiclass": np.digitize(score, [0, 1]), "regression": 100 + 5 * score}[kind]
    known = Labels(
        400, np.bincount(labels.astype(int)) if kind != "regression" else np.empty(0), float(np.mean(labels))
    )
    chunk = Chunk(floats, ids, labels.astype(np.int32 if kind == "multiclass" else np.float32))
    linear = Linear.fit(chunk, packing, Target(column="y", type=kind), known, np.ones(3, np.float32))
    given = {"distance": floats[:, 0], "flag": floats[:, 1], "carrier": ids[:, 0], "words": ids[:, 1:]}
    answers = linear({name: tf.constant(values) for name, values in given.items()}).numpy()
    if kind == "regression":
        assert answers[:, 0] == pytest.approx(labels, abs=0.5)
    else:
        said = answers[:, 0] > 0.5 if kind == "binary" else answers.argmax(axis=1)
        assert np.mean(said == labels) > 0.9
        assert answers.shape == (400, 1 if kind == "binary" else 3)


def test_the_linear_baseline_of_a_quantity_is_penalised_as_its_rows_ask():
    random = np.random.default_rng(1)
    inputs = tuple(ModelInput(f"column_{place}", "number") for place in range(40))
    floats = random.normal(size=(1050, 40)).astype(np.float32)
    labels = (floats[:, 0] + 2 * random.normal(size=1050)).astype(np.float32)
    few = slice(0, 50)
    chunk = Chunk(floats[few], np.zeros((50, 0), np.int32), labels[few])
    known = Labels(50, np.empty(0), float(labels[few].mean()), float(labels[few].std()))
    linear = Linear.fit(
        chunk, Packing(inputs, "label", False), Target(column="y", type="regression"), known, np.ones(1)
    )
    given = {item.name: tf.constant(floats[50:, place]) for place, item in enumerate(inputs)}
    errors = linear(given).numpy()[:, 0] - labels[50:]
    plain = Ridge().fit(chunk.floats, chunk.labels).predict(floats[50:]) - labels[50:]
    assert np.mean(errors**2) < 0.7 * np.mean(plain**2)


def test_a_split_whose_sample_has_one_class_gets_a_linear_baseline_too():
    packing = Packing(NUMBERS, "label", False)
    chunk = Chunk(np.ones((4, 2), np.float32), np.zeros((4, 0), np.int32), np.zeros(4, np.float32))
    known = Labels(100, np.array([96.0, 4.0]))
    linear = Linear.fit(chunk, packing, Target(column="y", type="binary"), known, np.ones(2, np.float32))
    assert linear({"distance": tf.ones(2), "flag": tf.ones(2)}).numpy() == pytest.approx(
        np.full((2, 1), 5 / 102), rel=1e-3
    )
