"""Every encoder has every part, and what it says of itself is so. Networks are only built here, and asked once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.cnn.build import blocks_of
from stellwerk.components.training.encoders.cnn.keys import Cnn
from stellwerk.components.training.encoders.finding import (
    encoded_feature,
    encoded_feature_width,
    encoder,
    with_cost_of_encoders,
    with_encoders,
)
from stellwerk.components.training.networks.body import Inputs
from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.networks.encoding import encoded, encoded_width
from stellwerk.encoders import ENCODERS
from stellwerk.encoders.base import EncoderKeys
from stellwerk.encoders.choosing import Encoding
from stellwerk.errors import HookError, StepFailed

HOOKS = {
    "own.py": """
import keras

def flat(inputs, units=3):
    (tensor,) = inputs.values()
    return keras.layers.Dense(units)(keras.layers.Flatten()(keras.ops.cast(tensor, "float32")))

def whole(inputs):
    return next(iter(inputs.values()))

def raising(inputs):
    return inputs["no such"]
"""
}
INPUTS = {
    "words": ModelInput("words", "tokens", width=6, size=9, embedding=8, feature="words"),
    "series": ModelInput("series", "tensor", facts={"shape": [6, 2], "dtype": "float32"}, feature="series"),
    "picture": ModelInput("picture", "tensor", facts={"shape": [9, 7, 3], "dtype": "uint8"}, feature="picture"),
    "photo": ModelInput("photo", "tensor", facts={"shape": [33, 40, 1], "dtype": "uint8"}, feature="photo"),
    "amount": ModelInput("amount", "number", feature="amount"),
}
READS = {"cnn": ("picture",), "application": ("photo",), "embedding": ("words",), "custom": tuple(INPUTS)}
CASES = [(name, item) for name in ENCODERS.own for item in READS.get(name, ("words", "series"))]
OTHERWISE = [
    ("words", {"type": "embedding", "pooling": "attention"}),
    ("words", {"type": "embedding", "pooling": "max"}),
    ("words", {"type": "lstm", "layers": 2, "bidirectional": True, "units": 5}),
    ("words", {"type": "gru", "unroll": True}),
    ("words", {"type": "conv1d", "pooling": "flatten", "dilation": 2, "blocks": [4, 4]}),
    ("words", {"type": "transformer", "pooling": "cls", "positions": "sine", "width": 8, "heads": 2}),
    ("series", {"type": "conv1d", "pooling": "mean"}),
    ("series", {"type": "transformer", "pooling": "max", "positions": "none"}),
    ("picture", {"type": "cnn", "blocks": [4, 8, 8, 8, 8], "residual": True, "layers": 2, "normalization": "layer"}),
    ("picture", {"type": "cnn", "pooling": "mean", "normalization": "batch", "dropout": 0.5}),
    ("photo", {"type": "application", "name": "DenseNet121", "pooling": "max", "dropout": 0.5}),
    ("amount", {"type": "custom", "encode": "own.py:flat", "parameters": {"units": 5}}),
]


def _said(name: str) -> dict[str, Any]:
    needs = {"custom": {"encode": "own.py:flat"}, "application": {"type": name, "name": "VGG16"}}
    return needs.get(name, {"type": name})


def _encoded(encoder: Mapping[str, Any], *names: str) -> tuple[ModelInput, ...]:
    encoding = {name: Encoding.model_validate({"encoder": encoder}) for name in names}
    return with_encoders([INPUTS[name] for name in names], encoding)


def _rows(item: ModelInput, rows: int = 3) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(1)
    whole = item.dtype != "float32"
    return (
        random.integers(1, item.size or 255, (rows, *item.shape)) if whole else random.normal(size=(rows, *item.shape))
    )


@pytest.mark.parametrize("name", list(ENCODERS))
def test_an_encoder_has_keys_layers_a_width_and_a_cost(name: str) -> None:
    keys = ENCODERS.part(name, "keys").KEYS
    assert issubclass(keys, EncoderKeys)
    assert get_args(keys.model_fields["type"].annotation) == (name,)
    assert keys.__doc__
    assert keys.EXAMPLE.startswith("features:\n")
    found = encoder(name)
    assert list(inspect.signature(found.encode).parameters) == ["settings", "items", "tensors", "hooks"]
    assert list(inspect.signature(found.width).parameters) == ["settings", "items"]
    assert list(inspect.signature(found.cost).parameters) == ["settings", "items"]


@pytest.mark.parametrize(("item", "said"), [*((item, _said(name)) for name, item in CASES), *OTHERWISE])
def test_a_vector_of_the_width_that_it_says_is_made(item: str, said: Mapping[str, Any]) -> None:
    inputs = Inputs.make(_encoded(said, item), hooks=HOOKS)
    made = encoded_feature(inputs.described, inputs.tensors, HOOKS)
    assert made.dtype == "float32"
    assert made.shape == (None, encoded_feature_width(inputs.described) or made.shape[1])
    cost = with_cost_of_encoders(Cost(0), inputs.described)
    assert (cost is None) == (encoded_feature_width(inputs.described) == 0)
    answered = keras.Model(inputs.tensors, made)({item: tf.constant(_rows(INPUTS[item]), INPUTS[item].dtype)}).numpy()
    assert np.isfinite(answered).all()
    assert np.ptp(answered, axis=0).max() > 1e-6, "rows that differ are told apart"


@pytest.mark.parametrize(
    ("pixels", "blocks"), [(8, (16, 32)), (28, (16, 32, 64)), (64, (16, 32, 64, 128)), (128, (16, 32, 64, 128, 128))]
)  # fmt: skip
def test_a_cnn_has_blocks_until_few_pixels_are_left(pixels: int, blocks: tuple[int, ...]) -> None:
    item = ModelInput("picture", "tensor", facts={"shape": [pixels, 5, 1], "dtype": "uint8"})
    assert blocks_of(Cnn(type="cnn"), item) == blocks
    assert blocks_of(Cnn(type="cnn", blocks=(7,)), item) == (7,)


@pytest.mark.parametrize("name", [name for name, item in CASES if item == "words" and name != "custom"])
def test_padding_is_as_if_it_were_not_there(name: str) -> None:
    said = {**_said(name), **({"positions": "sine"} if name == "transformer" else {})}
    answers, weights = [], None
    for length in (4, 9):
        item = ModelInput("words", "tokens", width=length, size=9, embedding=8, feature="words")
        inputs = Inputs.make(with_encoders([item], {"words": Encoding.model_validate({"encoder": said})}))
        model = keras.Model(inputs.tensors, encoded_feature(inputs.described, inputs.tensors, {}))
        weights = weights or model.get_weights()
        model.set_weights(weights)
        rows = np.zeros((3, length), np.int32)
        rows[0, :4], rows[1, :2] = [3, 1, 4, 1], [5, 2]  # the last row is a text without words
        answers.append(model({"words": rows}).numpy())
    assert np.allclose(*answers, atol=1e-5)
    assert np.isfinite(answers).all()


def test_the_first_words_count_as_much_as_the_last() -> None:
    """Of four words in forty places an encoder that took padding for words would see little."""
    item = ModelInput("words", "tokens", width=40, size=9, embedding=8, feature="words")
    inputs = Inputs.make(with_encoders([item], {"words": Encoding.model_validate({"encoder": "lstm"})}))
    model = keras.Model(inputs.tensors, encoded_feature(inputs.described, inputs.tensors, {}))
    rows = np.zeros((2, 40), np.int32)
    rows[:, :4] = [[3, 1, 4, 2], [2, 4, 1, 3]]
    one, other = model({"words": rows}).numpy()
    assert np.abs(one - other).max() > 1e-3


def test_features_without_an_encoder_come_before_those_with_one() -> None:
    inputs = Inputs.make((*_encoded("lstm", "words"), INPUTS["amount"]), hooks=HOOKS)
    assert encoded(inputs).shape == (None, 65)
    assert encoded_width(inputs.described) == 65


@pytest.mark.parametrize(
    ("item", "said", "why"),
    [
        ("amount", "lstm", "features.amount.encoder: lstm reads words in order or steps of numbers [steps, channels], and this feature is a number."),
        ("series", "cnn", "cnn reads a picture [height, width, channels], and this feature is steps of numbers [steps, channels]."),
        ("picture", "gru", "and this feature is a picture [height, width, channels]. Take another encoder, or none."),
        ("picture", {"type": "application", "name": "VGG16"}, "features.picture.encoder: VGG16 reads pictures of 32 x 32 pixels or more, and these have 9 x 7. Change the feature"),
        ("words", "own.py:raising", "features.words.encoder: own.py:raising (line 12) raised KeyError"),
        ("series", "own.py:whole", "returned (None, 6, 2). It must return a Keras tensor [batch, n] with a known n"),
    ],
)  # fmt: skip
def test_what_an_encoder_cannot_read_or_make_is_one_sentence(item: str, said: Any, why: str) -> None:
    with pytest.raises((StepFailed, HookError)) as told:
        encoded(Inputs.make(_encoded(said, item), hooks=HOOKS))
    assert why in str(told.value)


def test_a_feature_with_several_inputs_is_for_an_encoder_of_ones_own() -> None:
    two = [ModelInput(f"both_{place}", "tokens", width=3, size=9, embedding=2, feature="both") for place in "ab"]
    with pytest.raises(StepFailed, match="gru reads one input, and this feature gives 2: both_a, both_b"):
        with_encoders(two, {"both": Encoding.model_validate({"encoder": "gru"})})


def test_an_encoder_of_a_pattern_is_that_of_the_features_it_means() -> None:
    items = [
        ModelInput(name, "tokens", width=3, size=9, embedding=2, feature=name)
        for name in ("note_1", "note_22", "note_9", "other")
    ]
    encoding = {"note_*": {"encoder": "gru"}, "note_??": {}, "note_9": {}, "other": {}}
    made = with_encoders(items, {name: Encoding.model_validate(said) for name, said in encoding.items()})
    assert [item.encoder and item.encoder.type for item in made] == ["gru", None, None, None]
