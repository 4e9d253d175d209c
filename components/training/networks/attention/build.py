"""`type: attention`: features as vectors of one width that look at one another (Gorishniy et al., 2021, arXiv:2106.11959, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.forms.id import stacked
from stellwerk.components.training.encoders.finding import by_feature, encoded_feature, encoded_feature_width
from stellwerk.components.training.networks.attending import attended, first_of_its_own, products_of_a_layer
from stellwerk.components.training.networks.attention.keys import Attention
from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.cost import Cost


class EachByItsOwn(keras.layers.Layer):  # type: ignore[misc]
    """A vector for each number, times that number, plus another: [batch, numbers] to [batch, numbers, width]."""

    def __init__(self, width: int, **named: Any) -> None:
        super().__init__(**named)
        self._width = width

    def build(self, shape: tuple[int | None, int]) -> None:
        """Makes the vectors, which are rows of a table to the optimiser: none fades."""
        spread = keras.initializers.RandomUniform(-(self._width**-0.5), self._width**-0.5)
        self.times = self.add_weight(shape=(shape[-1], self._width), initializer=spread, name="embeddings")
        self.plus = self.add_weight(shape=(shape[-1], self._width), initializer=spread, name="bias")

    def call(self, inputs: Any) -> Any:
        """Returns the vectors."""
        return inputs[:, :, None] * self.times + self.plus


def build(architecture: Attention, inputs: Inputs, units: int, hooks: Mapping[str, str]) -> Body:  # noqa: ARG001
    """Returns one vector of all features, float32 [batch, width]."""
    parts = _vectors(architecture, inputs)
    vectors = keras.layers.Concatenate(axis=1, name="features")(parts) if len(parts) > 1 else parts[0]
    if architecture.pooling == "cls":
        vectors, _ = first_of_its_own(vectors, None, "features")
    made = attended(vectors, None, architecture.layers, architecture.heads, architecture.dropout, "features")
    return Body(made[:, 0] if architecture.pooling == "cls" else keras.ops.mean(made, axis=1))


def cost(architecture: Attention, inputs: Sequence[ModelInput], rows: int) -> Cost:  # noqa: ARG001 - every network is asked alike
    """Returns what its layers cost."""
    encoded = by_feature(inputs)
    plain = [item for item in inputs if item.encoder is None]
    width, features = architecture.width, len(plain) + len(encoded) + (architecture.pooling == "cls")
    before = sum(item.known.width(item) for item in plain if item.form != "id")
    before += sum(map(encoded_feature_width, encoded.values()))
    return Cost(before * width + architecture.layers * products_of_a_layer(features, width))


def _vectors(architecture: Attention, inputs: Inputs) -> list[Any]:
    """Returns vectors [batch, some, width]: of all numbers, of all ids, and of each other feature."""
    width, tensors = architecture.width, inputs.seen
    plain = [item for item in inputs.described if item.encoder is None]
    made = []
    if numbers := [item for item in plain if item.form == "number"]:
        side_by_side = keras.ops.stack([tensors[item.name] for item in numbers], axis=1)
        made.append(EachByItsOwn(width, name="numbers_as_vectors")(side_by_side))
    if ids := [item for item in plain if item.form == "id"]:
        rows, table = stacked(ids, tensors)
        made.append(keras.layers.Embedding(table, width, name="ids_as_vectors")(rows))
    others = [item.known.encoded([item], tensors)[0] for item in plain if item.form not in ("number", "id")]
    others += [encoded_feature(items, tensors, inputs.hooks) for items in by_feature(inputs.described).values()]
    for place, tensor in enumerate(others, start=1):
        projected = keras.layers.Dense(width, name=f"feature_{place}_as_vector")(tensor)
        made.append(keras.layers.Reshape((1, width), name=f"feature_{place}")(projected))
    return made
