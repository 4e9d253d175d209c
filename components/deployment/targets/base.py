"""What every place has in common that a model can be pushed to."""

from __future__ import annotations

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


class Target(Protocol):
    """The versions of one model at one place. A version appears whole or not at all, and is never overwritten."""

    def push(self, model: Path, digest: str, provenance: dict[str, Any], statistics: Path | None = None) -> Placed:
        """Makes `model` (whose `folder_digest` is `digest`) the newest version, with `provenance.json` and `statistics/` in it.

        Raises StepFailed with a reason where the place cannot be written; nothing is visible then.
        """
        ...

    def last_other_than(self, model_digest: str, kept: Path, trained: str | None = None) -> Path | None:
        """Returns the newest version that Stellwerk pushed and that is another model, as a folder here, or None.

        See `versions.is_another` for what another model is. Raises StepFailed where the place cannot be read.
        """
        ...

    def statistics_of_other(self, examples_version: str, kept: Path) -> Path | None:
        """Returns the statistics of the newest version that was made from other data, as a folder here, or None.

        Raises StepFailed where the place cannot be read.
        """
        ...
