"""What is counted while predictions stream by, one class for each kind of target, and the metrics made of it.

All have the same shape: `add` takes a batch, `metrics` gives every standard metric for all slices at once, `details` what
`evaluation.json` shows of the whole split beside them, and `plots` TFMA's confusion matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stellwerk.components.evaluation.counts import Array
from stellwerk.components.evaluation.intervals import Interval
from stellwerk.components.evaluation.tallies.binary import BinaryTally
from stellwerk.components.evaluation.tallies.multiclass import MulticlassTally
from stellwerk.components.evaluation.tallies.regression import RegressionTally
from stellwerk.metrics import METRICS


class Tally(Protocol):
    """Gathers labels and predictions of one model, in memory that does not grow with the rows."""

    def add(self, labels: Array, predictions: Array, groups: Sequence[Array]) -> None:
        """Adds a batch: labels [rows], predictions [rows, outputs], and the slice number of each row for each spec."""

    def arrays(self, slices: int) -> dict[str, Array]:
        """Returns everything that was gathered of the first `slices` slices, as it travels between machines."""

    def take(self, arrays: Mapping[str, Array], numbers: Array) -> None:
        """Adds the `arrays` of another tally of the same kind; its slices have the `numbers` here (int64 [slices])."""

    def metrics(self, slices: int) -> dict[str, Array]:
        """Returns the standard metrics of each slice (float64 [slices]); NaN where one is not defined."""

    def intervals(self, slices: int) -> dict[str, Interval]:
        """Returns for each standard metric where it lies with 95 % confidence, for each slice; NaN where it is not defined."""

    def counts(self, slices: int) -> Array:
        """Returns the number of examples of each slice (int64 [slices])."""

    def details(self) -> dict[str, Any]:
        """Returns `curves`, `confusion` and the like of the whole split, as JSON values."""

    def confusions(self, slices: int) -> list[Array]:
        """Returns for each slice rows (label, prediction, count) of its confusion matrix; none for a regression."""


def new_tally(kind: str, classes: Sequence[str], threshold: float, wanted: Sequence[str], seed: int = 0) -> Tally:
    """Returns an empty tally for a kind of target; `wanted` are the standard metrics that will be asked for.

    `seed` chooses the random numbers of a sample: tallies that are put together later need different ones.
    """
    if kind == "binary":
        return BinaryTally(classes, threshold)
    if kind == "multiclass":
        return MulticlassTally(classes, ranks=any(METRICS[name].ranks for name in wanted))
    return RegressionTally(seed)


__all__ = ["Tally", "new_tally"]
