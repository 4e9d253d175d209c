"""Inputs of every form as float tensors that a network can take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from stellwerk.components.forms import FORMS
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.forms.id import stacked
from stellwerk.components.forms.tokens import sum_of_words
from stellwerk.components.training.encoders.finding import by_feature, encoded_feature, encoded_feature_width
from stellwerk.components.training.networks.body import Inputs
from stellwerk.naming import safe


def encoded(inputs: Inputs) -> Any:
    """Returns all inputs as one Keras tensor float32 [batch, n]: numbers as they are, ids and words as learned vectors.

    Features with an encoder come after the others, as that makes them.
    """
    parts = []
    for items in by_form([item for item in inputs.described if item.encoder is None]):
        parts += items[0].known.encoded(items, inputs.seen)
    for items in by_feature(inputs.described).values():
        parts.append(encoded_feature(items, inputs.seen, inputs.hooks))
    return _joined(parts, "features")


def encoded_width(described: Iterable[ModelInput]) -> int:
    """Returns how many numbers a row has in the tensor of `encoded`."""
    items = list(described)
    plain = sum(item.known.width(item) for item in items if item.encoder is None)
    return plain + sum(map(encoded_feature_width, by_feature(items).values()))


def by_form(described: Sequence[ModelInput]) -> list[list[ModelInput]]:
    """Returns the inputs of each form that there is, in the order of the table of forms. Raises StepFailed for one that nobody knows."""
    for item in described:
        _ = item.known
    alike = [[item for item in described if item.form == form] for form in FORMS]
    return [items for items in alike if items]


WIDE_NUMBERS, WIDE_IDS, WIDE_WORDS = "wide_weights", "wide_ids", "wide_words"
"""Names of the layers of `linear`; those of words have the name of their input behind."""


def linear(inputs: Inputs, units: int, words: bool = False) -> Any:
    """Returns a Keras tensor [batch, units]: a linear model over numbers, vectors and ids, and of `words` too. It starts at 0.

    Tensors that are arrays of their own are not in it; where there is nothing else it is None.
    """
    parts = []
    described = by_form(inputs.described)
    floats = [items for items in described if items[0].packed == "floats"]
    if floats:
        tensors = [tensor for items in floats for tensor in items[0].known.encoded(items, inputs.tensors)]
        parts.append(_dense(_joined(tensors, "wide_numbers"), units))
    ids = [item for items in described for item in items if item.packed == "ids"]
    if single := [item for item in ids if not item.shape]:
        rows, table = stacked(single, inputs.tensors)
        weights = keras.layers.Embedding(table, units, embeddings_initializer="zeros", name=WIDE_IDS)(rows)
        parts.append(keras.ops.sum(weights, axis=1))
    for item in (item for item in ids if words and item.shape):
        places, name = inputs.tensors[item.name], f"{WIDE_WORDS}_{safe(item.name)}"
        weights = keras.layers.Embedding(item.size, units, embeddings_initializer="zeros", name=name)(places)
        parts.append(sum_of_words(places, weights))
    return keras.layers.Add(name="wide")(parts) if len(parts) > 1 else parts[0] if parts else None


def _dense(tensor: Any, units: int) -> Any:
    layer = keras.layers.Dense(units, use_bias=False, kernel_initializer="zeros", name=WIDE_NUMBERS)
    return layer(tensor)


def _joined(parts: list[Any], name: str) -> Any:
    return keras.layers.Concatenate(name=name)(parts) if len(parts) > 1 else parts[0]
