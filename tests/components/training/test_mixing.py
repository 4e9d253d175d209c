"""The default network is exported mixed with the linear baseline where the eval split says that this is better."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.training import mixing, work

DEFAULT = {"type": "ensemble", "members": 3, "hidden": [16, 16]}
WORDS = ("none", "few", "some", "many", "most")


def _rows(random, rows, kind, answer):
    """Rows of two numbers, an id and a text; `answer` makes the score of them."""
    a, b = random.normal(size=(2, rows))
    place, words = random.integers(0, 3, rows), random.integers(0, len(WORDS), (rows, 2))
    score = answer(a, b, place, words) + 0.5 * random.normal(size=rows)
    label = {"binary": (score > 1).astype(int), "multiclass": np.digitize(score, [0, 2]), "regression": 40 + 9 * score}
    text = [" ".join(WORDS[word] for word in row) for row in words]
    return pa.table(
        {"a": a, "b": b, "place": [f"at {one}" for one in place], "text": text, "answer": pa.array(label[kind])}
    )


def _straight(a, b, place, words):
    return a - 2 * b + place + words.sum(axis=1) / 3


def _crossed(a, b, place, words):
    return 1 + 4 * np.sign(a) * np.sign(b)


@pytest.fixture(scope="module")
def prepared(prepare):
    """`prepared(kind, answer)`: rows whose answer is of that kind, after the transform."""

    def make(kind, answer, rows=100):
        random = np.random.default_rng(5)
        features = {
            "a": {"type": "number"},
            "b": {"type": "number"},
            "place": {"type": "category"},
            "text": {"type": "text", "encoding": "tokens", "max_tokens": 2, "embedding": 4},
        }
        splits = {
            name: _rows(random, count, kind, answer) for name, count in (("train", rows), ("eval", 60), ("test", 60))
        }
        return prepare(features, {"column": "answer", "type": kind}, **splits)

    return make


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_where_the_truth_is_linear_the_mixture_has_a_lower_eval_loss_than_any_epoch(prepared, run_train, kind):
    history = run_train(prepared(kind, _straight), DEFAULT, epochs=12, batch_size=32).history
    assert 0 < history["mixed"]["linear_share"] <= 1
    assert history["mixed"]["eval_loss"] < min(epoch["eval_loss"] for epoch in history["epochs"])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_mixture_that_is_all_linear_answers_as_the_baseline_does(prepared, run_train, monkeypatch, kind):
    taken = {}

    def linear_alone(network, linear, packing, *rest):
        for variable, values in mixing._scoring(network, linear, packing):
            variable.assign(values)
        taken.update(network=network, linear=linear, packing=packing)

    monkeypatch.setattr(work, "mix", linear_alone)
    made = prepared(kind, _straight)
    run_train(made, DEFAULT, epochs=1)
    chunk = work.Reader(work.Examples.open(made.transformed), taken["packing"], 32).sample("eval")
    inputs = taken["packing"].unpack(chunk.floats, chunk.ids)
    expected = taken["linear"](inputs).numpy()
    assert np.ptp(expected[:, 0]) > 0.5
    assert taken["network"].answers(inputs).numpy() == pytest.approx(expected, abs=1e-3, rel=1e-4)


def test_a_network_that_sees_what_a_linear_model_cannot_is_left_alone(prepared, run_train, monkeypatch):
    made = prepared("regression", _crossed, rows=600)
    learn = {"epochs": 40, "batch_size": 32}
    alone = run_train(made, {**DEFAULT, "hidden": [32, 32]}, **learn)
    assert "mixed" not in alone.history
    monkeypatch.setattr(work, "mix", lambda *_: None)
    for one, other in zip(
        alone.weights(), run_train(made, {**DEFAULT, "hidden": [32, 32]}, **learn).weights(), strict=True
    ):
        assert np.array_equal(one, other)


def test_other_networks_are_exported_as_they_are(prepared, run_train):
    made = prepared("binary", _straight)
    assert "mixed" not in run_train(made, {"type": "wide_deep", "hidden": [8]}, epochs=1).history
