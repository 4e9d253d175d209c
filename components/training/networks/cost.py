"""What a gradient step of a network costs, told from the sizes of its layers and not by a clock: it decides the last digits of the weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a network says of the work that a row is. A network that cannot say it has no cost: None."""

    products: int
    """Multiplications of one row on its way through all layers."""
    members: int = 1
    """How many networks see a row side by side."""
    whole_batches: bool = False
    """Whether a batch must stay whole, as a layer looks at all its rows."""


def of_layers(widths: Iterable[int]) -> int:
    """Returns the products of dense layers, of which each is as wide as its place in `widths` says; the first is the input."""
    return sum(before * after for before, after in itertools.pairwise(widths))
