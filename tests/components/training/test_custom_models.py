"""Networks from a user's own function, and the built-in ones."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.networks.body import Inputs
from stellwerk.components.training.networks.encoding import encoded, linear
from stellwerk.errors import HookError
from stellwerk.serving.loading import LoadedModel

LAYERS = """
import keras

def build(inputs, units=4):
    assert inputs["carrier"].dtype == "int32", inputs["carrier"].dtype
    distance = keras.layers.Reshape((1,))(inputs["distance"])
    carrier = keras.layers.Embedding(32, 2)(inputs["carrier"])
    return keras.layers.Dense(units, activation="relu")(keras.layers.Concatenate()([distance, carrier]))
"""

WHOLE = """
import keras

def build(inputs):
    distance = inputs["distance"]
    return keras.Model([distance], keras.layers.Dense(1)(keras.layers.Reshape((1,))(distance)))

class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(1)

    def call(self, inputs):
        return self.layer(keras.ops.expand_dims(inputs["distance"], 1))

def subclass(inputs):
    return Subclass()
"""

LOOKUP = """
import keras

def build(inputs):
    known = keras.layers.IntegerLookup(vocabulary=[3, 1, 2], output_mode="one_hot")
    frozen = keras.layers.Dense(2, trainable=False)
    carrier = known(keras.layers.Reshape((1,))(inputs["carrier"]))
    return keras.layers.Concatenate()([frozen(carrier), keras.layers.Reshape((1,))(inputs["distance"])])
"""

WRONG = """
import keras

def nothing(inputs):
    return None

def three(inputs):
    return keras.layers.Reshape((1, 1))(inputs["distance"])

def wide(inputs):
    return keras.Model(inputs, keras.layers.Dense(7)(keras.layers.Reshape((1,))(inputs["distance"])))

def raises(inputs):
    return inputs["distanse"]
"""


def _build(function, **parameters):
    return {"type": "custom", "build": f"model.py:{function}", "parameters": parameters}


def test_a_hooks_layers_get_the_last_layer(air_time, run_train):
    run = run_train(air_time, _build("build", units=6), hooks={"model.py": LAYERS}, epochs=1)
    assert run.history["parameters"] == 32 * 2 + 3 * 6 + 6 + 6 + 1
    assert run.about["hyperparameters"]["model"]["parameters"] == {"units": 6}


@pytest.mark.parametrize("function", ["build", "subclass"])
def test_a_hooks_whole_model_is_taken_as_it_is(air_time, run_train, function):
    run = run_train(air_time, _build(function), hooks={"model.py": WHOLE}, epochs=1)
    assert run.history["parameters"] == 2
    assert run.predict({"distance": [1.0], "carrier": ["AA"]})["predictions"].shape == (1, 1)


def test_tables_and_frozen_weights_of_a_hook_are_served_with_it(air_time, run_train):
    run = run_train(air_time, _build("build"), hooks={"model.py": LOOKUP}, epochs=1)
    rows = air_time.columns["test"]
    columns = {name: rows[name].to_numpy()[:50] for name in ("distance", "carrier")}
    with LoadedModel(run.model) as model:
        answered = model.predict(columns)["predictions"]
    told = run.predict({name: values.tolist() for name, values in columns.items()})["predictions"]
    assert np.ptp(told) > 0
    assert np.allclose(answered, told, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "parameters", "says"),
    [
        ("nothing", {}, "model.py:nothing returned NoneType. Return the Keras tensor before the last layer"),
        ("three", {}, r"shape \(None, 1, 1\).*flatten or pool"),
        ("wide", {}, r"shape \(None, 7\), and this target needs \(None, 1\)"),
        ("raises", {}, r"model.py:raises \(line 14\) raised KeyError: 'distanse'.*inputs carrier, distance"),
        ("nothing", {"units": 3}, "raised TypeError.*unexpected keyword argument 'units'.*parameters units"),
        ("absent", {}, "has no function 'absent'"),
    ],
)
def test_a_hook_that_gives_something_else_is_refused(air_time, run_train, function, parameters, says):
    with pytest.raises(HookError, match=says):
        run_train(air_time, _build(function, **parameters), hooks={"model.py": WRONG})


def test_normalisation_and_activation_are_in_the_network(airport, run_train):
    architecture = {"type": "dense", "hidden": [8], "batch_normalization": True, "activation": "silu", "dropout": 0.2}
    run = run_train(airport, architecture, epochs=1)
    assert run.history["epochs"][0]["eval_accuracy"] > 0.2


def test_a_wide_and_deep_model_takes_several_classes_and_words(airport, run_train):
    run = run_train(airport, {"type": "wide_deep", "hidden": [8]}, epochs=1)
    assert run.history["parameters"] > 0


def test_padding_does_not_count_in_the_mean_of_words():
    inputs = Inputs.make((ModelInput("text", "tokens", width=4, size=5, embedding=3),))
    network = keras.Model(inputs.tensors, encoded(inputs))
    table = network.get_weights()[0]
    told = network.predict({"text": np.array([[1, 3, 0, 0], [0, 0, 0, 0]], np.int32)}, verbose=0)
    assert told[0] == pytest.approx((table[1] + table[3]) / 2, abs=1e-6)
    assert told[1] == pytest.approx([0, 0, 0])


def test_the_wide_part_learns_each_id_by_heart():
    described = (
        ModelInput("a", "id", size=2, embedding=3),
        ModelInput("n", "number"),
        ModelInput("b", "id", size=3, embedding=3, cross=True),
    )
    inputs = Inputs.make(described)
    network = keras.Model(inputs.tensors, linear(inputs, 1))
    weights = {weight.path: weight for weight in network.weights}
    weights["wide_ids/embeddings"].assign(np.arange(5, dtype=np.float32)[:, None])
    weights["wide_weights/kernel"].assign([[10.0]])
    told = network.predict({"a": np.array([1, 0]), "n": np.array([0.5, -1.0]), "b": np.array([2, 0])}, verbose=0)
    assert told[:, 0].tolist() == [1 + 4 + 5, 0 + 2 - 10]
