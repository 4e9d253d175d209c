"""Encoders learn what the order of words, the shape of a series and the places in a picture say."""

from __future__ import annotations

import pytest

ALONE = {"said": ("wave", "picture"), "wave": ("said", "picture"), "picture": ("said", "wave")}


def blind(name):
    """Returns encoders that see nothing of the features but the one called `name`."""
    return {other: {"encoder": "encoders.py:nothing"} for other in ALONE[name]}


HOOKS = {
    "encoders.py": """
import keras

def nothing(inputs):
    (tensor,) = inputs.values()
    flat = keras.layers.Flatten()(keras.ops.cast(tensor, "float32"))
    return 0.0 * flat[:, :1]
"""
}
SETTINGS = {"epochs": 30, "batch_size": 16, "optimizer": {"learning_rate": 0.01}, "early_stopping": False}


def _best_auc(run):
    return max(epoch["eval_auc"] for epoch in run.history["epochs"])


@pytest.mark.parametrize(
    "encoder",
    [
        {"type": "conv1d", "blocks": [16]},
        {"type": "lstm", "units": 16, "bidirectional": True},
        {"type": "gru", "units": 16, "layers": 2},
        {"type": "transformer", "layers": 1, "width": 16, "heads": 2, "pooling": "cls"},
    ],
    ids=lambda encoder: encoder["type"],
)
def test_the_order_of_words_is_learned(told_apart, run_train, encoder):
    run = run_train(
        told_apart,
        {"type": "dense", "hidden": []},
        HOOKS,
        encoding={"said": {"encoder": encoder}, **blind("said")},
        **SETTINGS,
    )
    print(encoder["type"], _best_auc(run), run.history["epochs"][-1])
    assert _best_auc(run) > 0.9
