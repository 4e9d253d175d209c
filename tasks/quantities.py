"""A target that is a quantity: what tasks without classes have in common. Arrow and NumPy, no framework."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.tasks.classes import COLUMN, without_variety
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import Found

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target

_STEPS = 16
"""So many different numbers at least the usual differences of a quantity must span in 32 bits."""


class Extent:
    """The smallest and the largest number of the target's column; `numbers` are those of a batch, of any shape."""

    def __init__(self, target: Target, numbers: Callable[[pa.Array], Array]) -> None:
        self._target, self._numbers = target, numbers
        self._low, self._high = float("inf"), float("-inf")

    def add(self, column: pa.Array) -> None:
        """Takes a batch."""
        values = self._numbers(column)
        self._low = float(min(self._low, values.min(initial=np.inf)))
        self._high = float(max(self._high, values.max(initial=-np.inf)))

    def merge(self, other: Extent) -> None:
        """Takes what `other` has seen."""
        self._low, self._high = min(self._low, other._low), max(self._high, other._high)

    def as_json(self) -> list[Any]:
        """Returns the smallest and the largest number."""
        return [self._low, self._high]

    def restore(self, found: list[Any]) -> None:
        """Takes the smallest and the largest number."""
        self._low, self._high = found

    def classes(self) -> list[str]:
        """Returns none. Raises DataError for a target that is constant."""
        if self._low >= self._high:
            raise DataError(
                f"target: column '{self._target.column}' has only one value ({self._low:g}): there is nothing to learn."
            )
        return []


class NumberAnswers(Extent):
    """The same of a column of single numbers, whose differences have to show in 32 bits."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, lambda column: np.asarray(column.cast(pa.float64(), safe=False)))

    def classes(self) -> list[str]:
        """Returns none. Raises DataError for a target that is constant, or whose differences are lost in 32 bits."""
        none = super().classes()
        lost = lost_in_32_bits(self._target.column, self._low, self._high, self._high - self._low)
        if lost is not None:
            raise DataError(f"target: {lost}.")
        return none


def lost_in_32_bits(column: str, low: float, high: float, spread: float) -> str | None:
    """Returns a sentence where the differences of a quantity are lost when it becomes a float of 32 bits; else None.

    `spread` is how far its values usually lie from each other.
    """
    step = float(np.spacing(np.float32(max(abs(low), abs(high)))))
    if low >= high or spread >= _STEPS * step:
        return None
    return (
        f"the values of '{column}' differ by {spread:g} or so, and near {high:.6g} the 32 bits that a network computes with tell "
        f"numbers apart that differ by {step:g}. Subtract a constant in data.query, e.g. {low:.0f}, and add it to the answers"
    )


def problems(target: Target, values: Counter[Any], seen: Probe, advice: str) -> Iterator[Found]:
    """Yields what `stellwerk check` finds: texts, one value only, differences that are lost. `advice` is what to do about texts."""
    column = target.column
    if column in seen.not_numbers:
        message = f"is {target.type}, but '{column}' holds texts such as '{seen.not_numbers[column][:40]}'"
        yield ("target", "type"), f"{message}. {seen.advice.get(column, advice)}"
    elif len(values) < 2:
        everything = seen.values(column, 2)
        if everything.complete and len(everything.found) < 2:
            yield COLUMN, without_variety(target, everything.found)
    else:
        numbers = [float(value) for value in values.elements()]
        lost = lost_in_32_bits(column, min(numbers), max(numbers), statistics.pstdev(numbers))
        if lost is not None:
            yield COLUMN, f"{lost}."
