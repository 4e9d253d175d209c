"""The versions of a model in a folder: `<folder>/<number>/`, as TensorFlow Serving reads them, with `provenance.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json

PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Version:
    """One version of a model: its number, its folder, and what made it (None: not pushed by Stellwerk)."""

    number: int
    path: Path
    provenance: dict[str, Any] | None

    @property
    def model_digest(self) -> str | None:
        """Digest of the Model artifact that it is a copy of."""
        return (self.provenance or {}).get("model_digest")


def versions(folder: Path) -> list[Version]:
    """Returns the versions in `folder`, oldest first; none where the folder does not exist.

    Only folders whose name is a whole number count, as for TensorFlow Serving.
    """
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal() and path.is_dir()]
    return sorted((Version(int(path.name), path, _provenance(path)) for path in found), key=lambda one: one.number)


def newest_other_than(folder: Path, model_digest: str, trained: str | None = None) -> Path | None:
    """Returns the newest version that Stellwerk pushed and that is another model, or None.

    It is the last blessed model, what a new one is compared with; a copy of the new one itself would be no comparison.
    """
    others = [one for one in versions(folder) if is_another(one.provenance or {}, model_digest, trained)]
    return others[-1].path if others else None


def is_another(provenance: Mapping[str, Any], model_digest: str, trained: str | None = None) -> bool:
    """Says whether a pushed version is another model than the one with these digests: as it is pushed, and as it was trained.

    Formats are added to a model and taken from it, so the same training may be pushed in several forms; none of them is
    better than another. What was not pushed by Stellwerk is no other model: nobody knows what it is.
    """
    digest = provenance.get("model_digest")
    if digest is None or digest in (model_digest, trained):
        return False
    return trained is None or provenance.get("trained_digest") != trained


def _provenance(path: Path) -> dict[str, Any] | None:
    try:
        provenance = read_json(path / PROVENANCE)
    except (OSError, ValueError):
        return None
    return provenance if isinstance(provenance, dict) else None
