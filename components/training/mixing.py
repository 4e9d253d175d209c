"""The network mixed with the linear baseline: a part of each score is the one's, the rest the other's.

On a few hundred rows a linear model is often the better one, and the mean of two models that err apart is often better than both.
How much of each is told by the eval split, which has to tell one number only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from stellwerk.components.training.fitting import Fitting, Network, assign, values_of
from stellwerk.components.training.last_layer import SCORES
from stellwerk.components.training.linear import Linear
from stellwerk.components.training.networks.encoding import WIDE_IDS, WIDE_NUMBERS, WIDE_WORDS
from stellwerk.components.training.packing import Chunk, Packing
from stellwerk.naming import safe
from stellwerk.tasks.labels import Numbers

TENTHS = 10
"""The linear model's share of a score is some tenths."""


@dataclass(frozen=True)
class Mixed:
    """What is exported in the place of the best epoch's network."""

    linear_share: float
    """How much of each score is the linear baseline's: 0 to 1."""
    measures: dict[str, float]
    """Loss and measures on the eval split."""


def mix(  # noqa: PLR0917 - the parts of a training, each with a name of its own
    network: Network,
    linear: Linear,
    packing: Packing,
    fitting: Fitting,
    rows: Chunk,
    judge: Callable[[], dict[str, float]],
) -> Mixed | None:
    """Leaves in the network the mixture with the lowest loss on `rows` of the eval split, None where that is the network alone.

    `judge` measures the network on the whole eval split. The mixture has the layers that the network has: its last layer and its
    linear part are added up from both, so it answers as fast as before and is exported as it is.
    """
    pairs = _scoring(network, linear, packing)
    variables = [variable for variable, _ in pairs]
    learned = values_of(variables)

    def take(share: float) -> None:
        both = zip(learned, (values for _, values in pairs), strict=True)
        assign(variables, [(1 - share) * own + share * other for own, other in both])

    losses = []
    for tenths in range(TENTHS + 1):
        take(tenths / TENTHS)
        losses.append(sum(seen.loss for seen in fitting.run(rows, learn=False)))
    share = int(np.argmin(losses)) / TENTHS
    if not share:
        assign(variables, learned)
        return None
    take(share)
    return Mixed(share, judge())


def _scoring(network: Network, linear: Linear, packing: Packing) -> list[tuple[Any, Numbers]]:
    """Returns the variables that a score is linear in, and what each is in the linear model."""
    layers = {layer.name: layer for layer in network.learns.layers}
    last = layers[SCORES]
    kernel, bias = np.zeros(last.kernel.shape, np.float32), np.broadcast_to(linear.bias.numpy(), last.bias.shape)
    pairs = [(last.kernel, kernel), (last.bias, bias)]
    if packing.floats:
        pairs.append((layers[WIDE_NUMBERS].kernel, linear.numbers.numpy()))
    ids = linear.ids.numpy()
    plain = sum(item.size for item in packing.ids if not item.shape)
    if plain:
        pairs.append((layers[WIDE_IDS].embeddings, ids[:plain]))
    start = plain
    for item in (item for item in packing.ids if item.shape):
        pairs.append((layers[f"{WIDE_WORDS}_{safe(item.name)}"].embeddings, ids[start : start + item.size]))
        start += item.size
    return pairs
