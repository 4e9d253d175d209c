"""A batch that is learned in parts, side by side, is learned as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training import threads, work
from stellwerk.components.training.networks.body import Inputs
from stellwerk.components.training.networks.builders import builder
from stellwerk.components.training.networks.custom.keys import CustomModel
from stellwerk.components.training.networks.dense.keys import Dense
from stellwerk.components.training.networks.encoding import encoded, encoded_width
from stellwerk.components.training.networks.ensemble.keys import Ensemble
from stellwerk.components.training.networks.wide_deep.keys import WideDeep
from stellwerk.spec.train import Train

INPUTS = (
    ModelInput("a", "number"),
    ModelInput("b", "vector", width=10),
    ModelInput("c", "id", size=3, embedding=8),
    ModelInput("d", "id", size=1000, embedding=20),
    ModelInput("e", "tokens", width=5, size=1000, embedding=16),
)


def test_the_width_of_what_a_network_takes_is_told_without_making_it():
    assert encoded_width(INPUTS) == 1 + 10 + 3 + 20 + 16 == encoded(Inputs.make(INPUTS)).shape[1]


@pytest.mark.parametrize("kind", ["late", "airport", "air_time"])
def test_parts_of_a_batch_learn_what_the_whole_batch_does(request, run_train, monkeypatch, kind):
    prepared = request.getfixturevalue(kind)
    rows = prepared.columns["train"].num_rows
    size = next(size for size in range(100, rows) if rows % size in (1, 2))  # the last batch has fewer rows than parts
    learn = {"epochs": 2, "batch_size": size, "optimizer": {"type": "sgd", "learning_rate": 0.05}}
    if kind == "late":
        learn["class_weights"] = "balanced"
    runs = []
    for parts in (1, 3):
        monkeypatch.setattr(work, "parts_of_a_batch", lambda *_, parts=parts: parts)
        runs.append(run_train(prepared, {"type": "wide_deep", "hidden": [16]}, **learn))
    for whole, in_parts in zip(*(run.weights() for run in runs), strict=True):
        assert np.allclose(whole, in_parts, rtol=1e-4, atol=1e-5)
    for key in ("loss", "eval_loss"):
        whole, in_parts = ([epoch[key] for epoch in run.history["epochs"]] for run in runs)
        assert in_parts == pytest.approx(whole, rel=1e-4)


def _cost(architecture):
    return builder(architecture.type).cost(architecture, INPUTS, 1_000_000)


@pytest.mark.parametrize(
    ("architecture", "epochs", "batch_size", "parts"),
    [
        (Dense(type="dense", hidden=[8]), 10, 512, 4),
        (WideDeep(type="wide_deep", hidden=[8]), 10, 512, 4),
        (Dense(type="dense", hidden=[8]), 10, 300, 2),
        (Dense(type="dense", hidden=[8]), 10, 4096, 6),
        (Dense(type="dense", hidden=[8]), 10, 32, 1),
        (Dense(type="dense", hidden=[8]), 1, 512, 1),
        (Dense(type="dense", hidden=[1024, 512]), 1, 512, 4),
        (Dense(type="dense", hidden=[8192]), 1, 512, 4),
        (Dense(type="dense", hidden=[8], batch_normalization=True), 10, 512, 1),
        (Ensemble(type="ensemble", members=1, hidden=[8], bins=0), 1, 256, 1),
        (Ensemble(type="ensemble", members=1, hidden=[8], bins=512), 1, 256, 2),
        (Ensemble(type="ensemble", members=2, hidden=[8], bins=512), 1, 256, 4),
    ],
)
def test_a_batch_is_shared_out_where_there_is_much_to_learn_and_no_layer_looks_at_all_its_rows(
    monkeypatch, architecture, epochs, batch_size, parts
):
    monkeypatch.setattr(threads, "available_cores", lambda: 6)
    training = Train(epochs=epochs, batch_size=batch_size)
    assert threads.parts_of_a_batch(_cost(architecture), training, rows=1_000_000) == parts


@pytest.mark.parametrize(
    ("architecture", "parts", "cores"),
    [
        (Dense(type="dense", hidden=[128, 64]), 1, 1),
        (Dense(type="dense", hidden=[1024, 512]), 1, 6),
        (WideDeep(type="wide_deep", hidden=[1024, 512]), 3, 2),
        (Dense(type="dense", hidden=[1024, 512]), 8, 1),
        (CustomModel(build="model.py:build"), 1, 6),
    ],
)
def test_an_operation_is_shared_out_where_it_is_long(monkeypatch, architecture, parts, cores):
    monkeypatch.setattr(threads, "available_cores", lambda: 6)
    assert threads.cores_of_an_operation(_cost(architecture), Train(batch_size=512), parts) == cores
