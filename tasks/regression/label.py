"""The label of a quantity: the number itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from stellwerk.tasks.counts import Array
from stellwerk.tasks.labels import Labels, spread
from stellwerk.tasks.quantities import NumberAnswers

if TYPE_CHECKING:
    from stellwerk.spec.target import Target


def answers(target: Target) -> NumberAnswers:
    """Returns what takes the target's column over all splits."""
    return NumberAnswers(target)


def encode(column: pa.Array, classes: Sequence[str]) -> Array:  # noqa: ARG001 - there are none
    """Returns the number of each row, float32; NaN for what is missing."""
    return np.asarray(column.cast(pa.float32()).fill_null(float("nan")))


def known(labels: Array) -> Array:
    """Returns which labels are one."""
    return np.isfinite(labels)


def measured(batches: Iterable[Array], target: Target, classes: Sequence[str]) -> Labels:  # noqa: ARG001 - there are none
    """Returns mean and deviation in the train split."""
    return spread(batches, target.column)


def trivial(labels: Labels) -> list[float]:
    """Returns the mean."""
    return [labels.mean]
