"""After how many steps a series repeats: where its changes are most like those of so many steps before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LIKE = 0.2
"""So large must the autocorrelation of the changes be for a season."""
WIDE = 20
"""From so many steps on the lags beside one count too: a year of weeks is no whole number of them."""


@dataclass
class Seasons:
    """Adds up autocorrelations over series and parts of them, of the rows before a moment."""

    column: str
    longest: int
    """Steps: the past is so long."""
    before: float = float("inf")
    """The moment at which the train split ends."""
    _sums: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, grid: Array, moments: Array, new: int) -> None:
        """Takes a part of a series, of which the places from `new` on were not seen before."""
        if len(moments) and moments[0] >= self.before:
            return
        share = 1.0 if moments[-1] < self.before else (self.before - moments[0]) / (moments[-1] - moments[0])
        changes = np.diff(grid[: max(2, int(share * len(grid)))].astype(np.float64))
        if len(changes) < 2 * self.longest or new >= len(changes):
            return
        known = np.where(np.isnan(changes), 0.0, changes - np.nanmean(changes))
        size = 1 << (2 * len(known) - 1).bit_length()
        power = np.abs(np.fft.rfft(known, size)) ** 2
        found = np.fft.irfft(power, size)[: self.longest + 1]
        self._sums = found if not len(self._sums) else self._sums + found

    def found(self) -> int | None:
        """Returns the steps of a season, None where nothing repeats."""
        if len(self._sums) < 4 or self._sums[0] <= 0:
            return None
        like = self._sums / self._sums[0]
        smooth = np.convolve(like, np.ones(3) / 3, "same")
        like = np.where(np.arange(len(like)) >= WIDE, smooth, like)
        first = int(np.argmax(like < 0)) or len(like)  # before that it is the same wave still
        peaks = [
            lag for lag in range(first, len(like) - 1) if like[lag] >= like[lag - 1] and like[lag] >= like[lag + 1]
        ]
        best = max(peaks, key=lambda lag: like[lag], default=None)
        return best if best is not None and like[best] >= LIKE else None
