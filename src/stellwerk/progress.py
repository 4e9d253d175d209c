"""How a step tells what it has done so far, whichever engine runs it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what a step has done so far; called often, so it must be cheap."""

    def __call__(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        """Says that `done` of `total` units (None: not known) are finished."""


def silent(done: int, total: int | None = None, unit: str = "rows") -> None:
    """A `Progress` that tells nobody; what a step uses when it runs alone."""
