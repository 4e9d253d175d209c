"""Targets of several labels a row: the model gives a probability for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stellwerk.metrics import METRICS
from stellwerk.tasks.counts import CLIP, Array, Sums, ratio
from stellwerk.tasks.curves import Ranking
from stellwerk.tasks.formula import formulas
from stellwerk.tasks.intervals import Interval
from stellwerk.tasks.multilabel.formulas import LabelCounts, MultilabelCounts

SUMS = 15


def new_tally(classes: Sequence[str], threshold: float, wanted: Sequence[str], seed: int = 0) -> MultilabelTally:  # noqa: ARG001
    """Returns an empty tally; it ranks only where a metric of ranks is wanted."""
    return MultilabelTally(classes, threshold, wanted)


class MultilabelTally:
    """Sums over rows, counts of each label at one threshold, and a histogram of the probabilities of each, for each slice."""

    def __init__(self, classes: Sequence[str], threshold: float, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)  # by name, as a tally travels between workers and a formula cannot
        formulas("multilabel", self._wanted)  # refuses now, and not when the rows are counted
        self.classes, self.threshold = list(classes), threshold
        self._sums = Sums(SUMS)
        self._labels = Sums(3)  # a label of a slice is a slice of its own
        self._slices = 0
        self._ranking = Ranking() if any(METRICS[name].ranks for name in wanted) else None

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds labels (0 or 1) and probabilities, [rows, labels] each."""
        p = predictions.astype(np.float64)
        true, said = labels > 0.5, p > self.threshold
        clipped = np.clip(p, CLIP, 1 - CLIP)
        loss = -np.where(true, np.log(clipped), np.log1p(-clipped)).mean(axis=1)
        wrong = (true != said).mean(axis=1)
        hits, claims, truths = ((part).sum(axis=1).astype(np.float64) for part in (true & said, said, true))
        columns = [np.ones(len(p)), loss, loss**2, wrong == 0, wrong, wrong**2, hits, claims, truths]
        columns += [hits**2, claims**2, truths**2, hits * claims, hits * truths, claims * truths]
        for numbers in groups:
            self._sums.add(numbers, columns)
            places = self._places(numbers)
            self._labels.add(places.reshape(-1), [part.reshape(-1) for part in (true, said, true & said)])
            if self._ranking is not None:
                self._ranking.add(places, p, true)

    def _places(self, numbers: Array) -> Array:
        """Returns where each label of slices is, int64 [slices, labels]."""
        self._slices = max(self._slices, int(np.max(numbers, initial=-1)) + 1)
        places: Array = np.asarray(numbers, np.int64)[:, None] * len(self.classes) + np.arange(len(self.classes))
        return places

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns sums of slices and of labels, and the histogram."""
        ranked = self._ranking.arrays() if self._ranking is not None else {}
        return {"sums": self._sums.table(slices), "labels": self._labels.table(slices * len(self.classes)), **ranked}

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds what another tally has."""
        places = self._places(numbers).reshape(-1)
        self._sums.take(arrays["sums"], numbers)
        self._labels.take(arrays["labels"], places)
        if self._ranking is not None:
            self._ranking.take(arrays, places)

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice."""
        return self._sums.table(slices)[:, 0].astype(np.int64)

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns every standard metric of a target of several labels for each slice, NaN for those of ranks that nobody wanted."""
        counts = self._counted(slices)
        return {name: formula.value(counts) for name, formula in formulas("multilabel", self._wanted).items()}

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns where each of them lies with 95 % confidence."""
        counts = self._counted(slices)
        return {name: formula.interval(counts) for name, formula in formulas("multilabel", self._wanted).items()}

    def _counted(self, slices: int) -> MultilabelCounts:
        return MultilabelCounts(self._by_label(slices), *self._sums.table(slices).T)

    def _by_label(self, slices: int) -> LabelCounts:
        every = max(slices, self._slices) * len(self.classes)
        nothing = np.full(every, np.nan)
        areas = self._ranking.areas(every) if self._ranking is not None else (nothing, nothing)
        columns = (*self._labels.table(every).T, *areas)
        return LabelCounts(*(part.reshape(-1, len(self.classes))[:slices] for part in columns))

    def confusions(self, slices: int) -> list[Array]:
        """Labels that may all be true have no confusion matrix."""
        return [np.zeros((0, 3), np.int64)] * slices

    def details(self) -> dict[str, Any]:
        """Returns what was counted of each label over the whole split, those with the most rows first."""
        of = self._by_label(1)
        columns = {
            "examples": of.true,
            "predicted": of.said,
            "precision": ratio(of.hits, of.said),
            "recall": ratio(of.hits, of.true),
            "f1": of.f1,
            "auc": of.roc,
        }
        order = np.argsort(-of.true[0], kind="stable")
        rows = [
            {"label": self.classes[place], **{name: _defined(values[0, place]) for name, values in columns.items()}}
            for place in order
        ]
        return {"curves": {}, "labels": rows, "threshold": self.threshold}


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
