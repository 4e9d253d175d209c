"""Pictures are varied while a network learns, and never in the model that is judged and served."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.finding import with_encoders
from stellwerk.components.training.networks.body import Inputs
from stellwerk.components.training.networks.encoding import encoded
from stellwerk.encoders.augment import Augment
from stellwerk.encoders.choosing import Encoding

EACH = {key: "both" if key == "flip" else 0.4 for key in Augment.model_fields}
PICTURE = ModelInput("photo", "tensor", facts={"shape": [16, 12, 3], "dtype": "uint8"}, feature="photo")


def _pictures() -> Any:
    return tf.constant(np.random.default_rng(0).integers(0, 255, (6, 16, 12, 3)), tf.uint8)


@pytest.mark.parametrize("key", list(EACH))
def test_a_picture_is_another_one_each_time_it_is_learned_from(key: str) -> None:
    keras.utils.set_random_seed(3)
    inputs = Inputs.make(with_encoders([PICTURE], {"photo": Encoding.model_validate({"augment": {key: EACH[key]}})}))
    model = keras.Model(inputs.tensors, inputs.seen["photo"])
    pictures = {"photo": _pictures()}
    first, second = (model(pictures, training=True).numpy() for _ in range(2))
    assert first.shape == (6, 16, 12, 3)
    assert np.abs(first - second).max() > 1
    assert -255 * 2 < first.min() < first.max() < 255 * 3
    assert np.array_equal(model(pictures, training=False).numpy(), pictures["photo"].numpy().astype(np.float32))


def test_an_encoder_is_given_the_same_range_with_and_without() -> None:
    encoder = {"type": "cnn", "blocks": [4]}
    made = []
    for augment in (None, {"flip": "horizontal"}):
        said = {"photo": Encoding.model_validate({"encoder": encoder, "augment": augment})}
        inputs = Inputs.make(with_encoders([PICTURE], said))
        made.append(keras.Model(inputs.tensors, encoded(inputs)))
    plain, varied = made
    for weight, other in zip(plain.trainable_weights, varied.trainable_weights, strict=True):
        other.assign(weight)
    pictures = {"photo": _pictures()}
    assert np.allclose(plain(pictures, training=False), varied(pictures, training=False))


def _operations(signature: Any) -> set[str]:
    graph = signature.graph.as_graph_def()
    return {node.op for nodes in (graph.node, *(one.node_def for one in graph.library.function)) for node in nodes}


def test_the_exported_graph_has_nothing_random_in_it(told_apart, run_train) -> None:
    augment = {key: value for key, value in EACH.items() if key != "randaugment"}
    said = {"picture": {"encoder": {"type": "cnn", "blocks": [4]}, "augment": augment}}
    run = run_train(told_apart, encoding=said, epochs=1)
    assert run.about["hyperparameters"]["encoding"]["picture"]["augment"] == augment
    loaded = tf.saved_model.load(str(run.model))
    for name in ("serving_default", "serve_transformed", "with_linear"):
        found = _operations(loaded.signatures[name])
        assert "Conv2D" in found
        assert [op for op in found if "Random" in op or ("Stateless" in op and "If" not in op)] == []
