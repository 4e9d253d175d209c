"""What every place has in common that a model can be pushed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Placed:
    """Where a model is after a push."""

    path: str
    """Folder or URI of the version."""
    version: int
    new: bool
    """False where the newest version already was this model."""


@dataclass(frozen=True)
class Pushed:
    """A version that is there."""

    number: int
    path: str
    """Its folder or URI."""
    provenance: Mapping[str, Any]
    """What made it; empty where it was not pushed by Stellwerk."""
    statistics: str | None
    """Where the Statistics lie that were pushed with it."""


class Target(Protocol):
    """The versions of one model at one place. A version appears whole or not at all, and is never overwritten."""

    def push(self, model: Path, digest: str, provenance: dict[str, Any], statistics: Path | None = None) -> Placed:
        """Makes `model` (whose `folder_digest` is `digest`) the newest version, with `provenance.json` and `statistics/` in it.

        What was written is read back. A newest version that already is this model stays the newest, unless it is damaged.
        Raises StepFailed with a reason where the place cannot be written; nothing is visible then.
        """
        ...

    def newest_first(self) -> Iterator[Pushed]:
        """Yields the versions, each read when it is asked for. Raises StepFailed where the place cannot be read."""
        ...

    def fetch(self, path: str, folder: Path) -> Path:
        """Returns a version, or Statistics, that `newest_first` named, as a folder here: `folder`, unless it lies here anyway.

        What is in `folder` already is taken for it. Raises StepFailed where it cannot be read.
        """
        ...
