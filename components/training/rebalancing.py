"""Rows of rare classes more often, or of frequent ones less often, in what a network learns from; nothing else sees it.

Each class is given equally often in every pass. Which rows are given once more, or left out, changes from pass to pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stellwerk.components.training.packing import Chunk
from stellwerk.errors import StepFailed
from stellwerk.tasks.labels import Labels, Numbers

MOST = 1_000
"""A row is given so many times in one pass at most: of a class of a few rows more would be learned by heart."""


@dataclass(frozen=True)
class Rebalanced:
    """How many rows each class has, and how many of them a pass gives."""

    counts: Numbers
    """int64 [classes], of the train split."""
    given: Numbers
    """int64 [classes], in each pass."""

    @classmethod
    def of(cls, labels: Labels, how: str | None) -> Rebalanced | None:
        """Returns the one that a spec means by `train.rebalance`; None where it says nothing. Raises StepFailed where there are no classes."""
        if how is None:
            return None
        if not len(labels.counts):
            raise StepFailed("train.rebalance: a target that is a quantity has no classes. Remove the key.")
        counts = labels.counts.astype(np.int64)
        there = counts[counts > 0]
        wanted = int(there.max() if how == "oversample" else there.min())
        return cls(counts, np.minimum(wanted, counts * MOST))

    @property
    def rows(self) -> int:
        """Rows of a pass."""
        return int(self.given.sum())

    @property
    def labels(self) -> Labels:
        """What a network sees of the labels."""
        return Labels(self.rows, self.given.astype(np.float64))

    @property
    def weights(self) -> Numbers:
        """Weight of each class that says the same to whoever sees all rows once, float32 [classes]; 1 in the mean of the rows."""
        shares = self.given / np.maximum(self.counts, 1)
        weights: Numbers = (shares * (self.counts.sum() / self.rows)).astype(np.float32)
        return weights

    def drawing(self, random: np.random.Generator) -> Drawing:
        """Begins a pass."""
        return Drawing(self, random.integers(0, np.maximum(self.counts, 1)))


class Drawing:
    """One pass: chunk by chunk, each row as often as its turn says. Exactly `given` rows of a class come out, in whatever order they go in.

    Systematic sampling: the j-th of n rows comes as often as a multiple of n lies between j times and j + 1 times what is wanted,
    counted from a random place.
    """

    def __init__(self, rebalanced: Rebalanced, places: Numbers) -> None:
        self._given, self._counts, self._places = rebalanced.given, rebalanced.counts, places.astype(np.int64)
        self._seen = np.zeros_like(self._counts)

    def __call__(self, chunk: Chunk, most: int) -> Iterator[Chunk]:
        """Yields the rows of a chunk as often as they come, at most `most` at a time."""
        times = np.zeros(len(chunk), np.int64)
        labels = chunk.labels.astype(np.int64)
        for one in np.unique(labels):
            rows = np.flatnonzero(labels == one)
            ends = self._seen[one] + np.arange(len(rows) + 1)
            marks = (ends * self._given[one] + self._places[one]) // self._counts[one]
            times[rows] = np.diff(marks)
            self._seen[one] += len(rows)
        drawn = np.repeat(np.arange(len(chunk)), times)
        for start in range(0, len(drawn), most):
            yield chunk[drawn[start : start + most]]
