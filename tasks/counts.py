"""Sums and counts by slice, gathered batch by batch in memory that does not grow with the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CLIP = 1e-7
"""Keras' bound of probabilities in log loss: without it one confident mistake makes the loss infinite."""


def ratio(numerator: Array, denominator: Array) -> Array:
    """Divides; NaN, without a warning, where the denominator is not positive: the metric is not defined there."""
    undefined = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)


def lost(right: Array) -> Array:
    """Returns -ln of the probabilities that were given to what is true."""
    losses: Array = -np.log(np.clip(right, CLIP, 1.0))
    return losses


class Sums:
    """Sums of several quantities for each slice: float64 [slices, quantities], which grows as slices appear."""

    def __init__(self, quantities: int) -> None:
        self._table = np.zeros((16, quantities))

    def add(self, numbers: Array, columns: list[Array]) -> None:
        """Adds each of `columns` ([rows]) to the slices that `numbers` ([rows]) names."""
        present, places = np.unique(numbers, return_inverse=True)
        if present.size == 0:
            return
        needed = int(present[-1]) + 1
        self._grow(needed)
        places = places.reshape(-1)
        for index, column in enumerate(columns):
            self._table[present, index] += np.bincount(places, weights=column, minlength=present.size)

    def take(self, table: Array, numbers: Array) -> None:
        """Adds the sums of other rows: `numbers` has, for each row of `table`, the number of its slice here."""
        if numbers.size:
            self._grow(int(numbers.max()) + 1)
            self._table[numbers] += table

    def _grow(self, needed: int) -> None:
        if needed > len(self._table):
            grown = np.zeros((max(needed, 2 * len(self._table)), self._table.shape[1]))
            grown[: len(self._table)] = self._table
            self._table = grown

    def table(self, slices: int) -> Array:
        """Returns the sums of the first `slices` slices."""
        missing = max(0, slices - len(self._table))
        return np.concatenate([self._table[:slices], np.zeros((missing, self._table.shape[1]))])


class SparseCounts:
    """Counts of whole-number keys; holds only the keys that occur, sorted, merged once as many new ones are waiting."""

    _MIN_WAITING = 1 << 18

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._waiting: list[tuple[Array, Array]] = []
        self._waiting_size = 0

    def add(self, keys: Array) -> None:
        """Counts every element of `keys` (int64, any shape)."""
        self.take(*np.unique(keys, return_counts=True))

    def take(self, keys: Array, counts: Array) -> None:
        """Adds counts (int64) of keys, each named once and in any order."""
        self._waiting.append((keys, counts))
        self._waiting_size += keys.size
        if self._waiting_size > max(self._MIN_WAITING, self._keys.size):
            self._merge()

    def items(self) -> tuple[Array, Array]:
        """Returns the keys that occurred, ascending, and how often (both int64)."""
        self._merge()
        return self._keys, self._counts

    def _merge(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate([self._keys, *(keys for keys, _ in self._waiting)])
        counts = np.concatenate([self._counts, *(counts for _, counts in self._waiting)])
        self._waiting, self._waiting_size = [], 0
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1)) if keys.size else np.zeros(0, np.int64)
        self._keys = keys[starts]
        self._counts = np.add.reduceat(counts, starts) if keys.size else counts
