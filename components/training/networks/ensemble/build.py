"""`type: ensemble`: multilayer perceptrons side by side in one network, beside a linear model.

The members are packed into one network as in TabM (Gorishniy, Kotelnikov and Babenko, 2025, arXiv:2410.24210, section 3.3): one
matrix product does the work of all, and each learns from its own answer. Numbers are given as they are and piecewise
linearly encoded (Gorishniy, Rubachev and Babenko, 2022, arXiv:2203.05556, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.cost import Cost, of_layers
from stellwerk.components.training.networks.dropout import Dropout
from stellwerk.components.training.networks.encoding import encoded, encoded_width, linear
from stellwerk.components.training.networks.ensemble.keys import Ensemble
from stellwerk.components.training.networks.members import HE, OfEachMember

WIDEST = 512
"""Values that all encoded numbers of a row have together at most: where there are many numbers, each has fewer bins."""


BINS, ROWS_OF_A_BIN = (8, 20), 50
"""Fewest and most bins where the spec names no number, and how many rows of the train split each has: many teach a small split by heart."""


def build(architecture: Ensemble, inputs: Inputs, units: int, hooks: Mapping[str, str]) -> Body:  # noqa: ARG001
    """Returns the members' hidden layers [batch, members, units], and a linear model that all of them share."""
    tensor = encoded(inputs)
    if (pieces := _piecewise_linear(inputs, architecture.bins)) is not None:
        tensor = keras.layers.Concatenate(name="features_and_pieces")([tensor, pieces])
    return Body(_members(architecture, tensor), linear(inputs, units, words=True), mixes=True)


def cost(architecture: Ensemble, inputs: Sequence[ModelInput], rows: int) -> Cost:
    """Returns what the members' layers cost; `rows` are those of the train split, by which numbers have bins."""
    numbers = sum(item.form == "number" for item in inputs)
    width = encoded_width(inputs) + numbers * bins_of_a_number(architecture.bins, numbers, rows)
    return Cost(of_layers([width, *architecture.hidden]) * architecture.members, architecture.members)


def _members(architecture: Ensemble, tensor: Any) -> Any:
    """Returns the hidden layers of every member on `tensor` [batch, n], which all of them see."""
    members, first = architecture.members, architecture.hidden[0]
    # He's initialisation goes by the number of inputs alone, so one layer for all begins as one for each would.
    tensor = keras.layers.Dense(members * first, kernel_initializer="he_normal", name="hidden_1")(tensor)
    tensor = keras.layers.Reshape((members, first), name="members")(tensor)
    tensor = _activated(architecture, tensor, 1)
    for place, width in enumerate(architecture.hidden[1:], start=2):
        tensor = _activated(architecture, OfEachMember(width, HE, name=f"hidden_{place}")(tensor), place)
    return tensor


def _activated(architecture: Ensemble, tensor: Any, place: int) -> Any:
    tensor = keras.layers.Activation(architecture.activation, name=f"active_{place}")(tensor)
    if architecture.dropout:
        tensor = Dropout(architecture.dropout, name=f"dropout_{place}")(tensor)
    return tensor


def _piecewise_linear(inputs: Inputs, bins: int | None) -> Any:
    """Returns how far each number is through each of its quantile bins, 0 to 1, [batch, bins of all]; None where there are none.

    A number of two values has none: as it is, it says as much.
    """
    numbers = [item for item in inputs.described if item.form == "number"]
    rows = max((len(values) for values in inputs.sample.values()), default=0)
    places, lows, widths = _bins(numbers, inputs.sample, bins_of_a_number(bins, len(numbers), rows))
    if not places:
        return None
    values = keras.ops.stack([inputs.tensors[item.name] for item in numbers], axis=1)
    spread = keras.ops.take(values, np.asarray(places, np.int32), axis=1)
    return keras.ops.clip(
        (spread - np.asarray(lows, np.float32)) * np.asarray(1 / np.asarray(widths), np.float32), 0.0, 1.0
    )


def bins_of_a_number(said: int | None, numbers: int, rows: int) -> int:
    """Returns in how many bins each of `numbers` is, which the spec may have `said`; `rows` are those of the train split."""
    bins = min(BINS[1], max(BINS[0], rows // ROWS_OF_A_BIN)) if said is None else said
    return min(bins, WIDEST // max(numbers, 1))


def _bins(
    numbers: list[ModelInput], sample: Mapping[str, np.ndarray[Any, Any]], parts: int
) -> tuple[list[int], list[float], list[float]]:
    """Returns which number each bin is of, where it begins and how wide it is."""
    places: list[int] = []
    lows: list[float] = []
    widths: list[float] = []
    for place, item in enumerate(numbers):
        values = sample.get(item.name)
        if parts < 2 or values is None or not len(values):
            continue
        edges = np.unique(np.quantile(values.astype(np.float64), np.linspace(0, 1, parts + 1), method="lower"))
        if len(edges) > 2:
            places += [place] * (len(edges) - 1)
            lows += edges[:-1].tolist()
            widths += np.diff(edges).tolist()
    return places, lows, widths
