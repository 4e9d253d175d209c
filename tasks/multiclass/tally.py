"""Targets of several classes: the model gives a probability for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stellwerk.metrics import METRICS
from stellwerk.tasks.counts import CLIP, Array, SparseCounts, Sums
from stellwerk.tasks.curves import CURVE_POINTS, Ranking
from stellwerk.tasks.formula import formulas
from stellwerk.tasks.intervals import Interval
from stellwerk.tasks.multiclass.formulas import MulticlassCounts

SHOWN_CLASSES = 50
"""The confusion matrix shows the most frequent classes; TFMA's files have all."""


def new_tally(classes: Sequence[str], threshold: float, wanted: Sequence[str], seed: int = 0) -> MulticlassTally:  # noqa: ARG001
    """Returns an empty tally; it ranks only where a metric of ranks is wanted, which needs a probability of every class."""
    return MulticlassTally(classes, wanted)


class MulticlassTally:
    """Sums, confusion counts and a histogram of all probabilities (each class against the rest) for each slice."""

    def __init__(self, classes: Sequence[str], wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)  # by name, as a tally travels between workers and a formula cannot
        formulas("multiclass", self._wanted)  # refuses now, and not when the rows are counted
        self.classes = list(classes)
        self._sums = Sums(4)
        self._confusion = SparseCounts()
        self._ranking = Ranking() if any(METRICS[name].ranks for name in wanted) else None

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds labels (class ids, [rows]) and probabilities ([rows, classes])."""
        size = len(self.classes)
        said = np.argmax(predictions, axis=1)
        p = np.take_along_axis(predictions, labels[:, None], axis=1)[:, 0].astype(np.float64)
        p /= np.maximum(predictions.sum(axis=1, dtype=np.float64), CLIP)
        loss = -np.log(np.clip(p, CLIP, 1 - CLIP))
        columns = [np.ones(len(labels)), loss, said == labels, loss**2]
        truth = np.arange(size) == labels[:, None] if self._ranking else None
        for numbers in groups:
            self._sums.add(numbers, columns)
            self._confusion.add((numbers * size + labels) * size + said)
            if self._ranking is not None and truth is not None:
                self._ranking.add(np.broadcast_to(numbers[:, None], truth.shape), predictions, truth)

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns sums, confusion counts and the histogram."""
        keys, counts = self._confusion.items()
        ranked = self._ranking.arrays() if self._ranking is not None else {}
        return {"sums": self._sums.table(slices), "cells": keys, "cell_counts": counts, **ranked}

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds what another tally has."""
        self._sums.take(arrays["sums"], numbers)
        slices, rest = np.divmod(arrays["cells"], len(self.classes) ** 2)
        self._confusion.take(numbers[slices] * len(self.classes) ** 2 + rest, arrays["cell_counts"])
        if self._ranking is not None:
            self._ranking.take(arrays, numbers)

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice."""
        return self._sums.table(slices)[:, 0].astype(np.int64)

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns every standard metric of a target with several classes for each slice, NaN for those of ranks that nobody wanted."""
        counts = self._counted(slices)
        return {name: formula.value(counts) for name, formula in formulas("multiclass", self._wanted).items()}

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns where each of them lies with 95 % confidence."""
        counts = self._counted(slices)
        return {name: formula.interval(counts) for name, formula in formulas("multiclass", self._wanted).items()}

    def _counted(self, slices: int) -> MulticlassCounts:
        nothing = np.full(slices, np.nan)
        areas = self._ranking.areas(slices) if self._ranking is not None else (nothing, nothing)
        return MulticlassCounts(areas, self._cells(), len(self.classes), *self._sums.table(slices).T)

    def _cells(self) -> tuple[Array, Array, Array, Array]:
        keys, counts = self._confusion.items()
        rest, said = np.divmod(keys, len(self.classes))
        numbers, labels = np.divmod(rest, len(self.classes))
        return numbers, labels, said, counts

    def confusions(self, slices: int) -> list[Array]:
        """Returns for each slice (label, prediction, count) of the cells that are not empty."""
        numbers, labels, said, counts = self._cells()
        cells = np.column_stack([labels, said, counts])
        return np.split(cells, np.searchsorted(numbers, np.arange(1, slices + 1)))[:slices]

    def details(self) -> dict[str, Any]:
        """Returns the confusion matrix of the whole split, and the curves where AUC is measured."""
        cells = self.confusions(1)[0]
        support = np.bincount(cells[:, 0], weights=cells[:, 2], minlength=len(self.classes))
        shown = np.sort(np.argsort(-support, kind="stable")[:SHOWN_CLASSES])
        place = np.full(len(self.classes), -1)
        place[shown] = np.arange(shown.size)
        matrix = np.zeros((shown.size, shown.size), np.int64)
        inside = (place[cells[:, 0]] >= 0) & (place[cells[:, 1]] >= 0)
        matrix[place[cells[inside, 0]], place[cells[inside, 1]]] = cells[inside, 2]
        confusion = {"classes": [self.classes[i] for i in shown], "counts": matrix.tolist()}
        if shown.size < len(self.classes):
            confusion["classes_left_out"] = len(self.classes) - shown.size
        curves = self._ranking.curve(CURVE_POINTS) if self._ranking else {}
        return {"curves": curves, "confusion": confusion}
