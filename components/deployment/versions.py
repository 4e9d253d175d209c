"""The versions of a model in a folder: `<folder>/<number>/`, as TensorFlow Serving reads them.

Beside the model each has `provenance.json`, and in `statistics/` those of the data that it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json

PROVENANCE = "provenance.json"
STATISTICS = "statistics"
"""The Statistics artifact of the run that pushed the version: what later runs measure drift against."""


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

    Only folders whose name is a whole number count, as for TensorFlow Serving. Raises OSError for what is there and cannot
    be read: a gate that took it for nothing would let every model pass.
    """
    try:
        names = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # a file in the way of the folder: push says so
        return []
    found = [path for path in names if path.name.isascii() and path.name.isdecimal() and path.is_dir()]
    return sorted((Version(int(path.name), path, _provenance(path)) for path in found), key=lambda one: one.number)


def is_another(provenance: Mapping[str, Any], model_digest: str, trained: str | None = None) -> bool:
    """Says whether a pushed version is another model than the one with these digests: as it is pushed, and as it was trained.

    Formats are added to a model and taken from it, so the same training may be pushed in several forms; none of them is
    better than another. What was not pushed by Stellwerk is no other model: nobody knows what it is.
    """
    digest = provenance.get("model_digest")
    if digest is None or digest in (model_digest, trained):
        return False
    return trained is None or provenance.get("trained_digest") != trained


def is_of_other_data(provenance: Mapping[str, Any], data: str) -> bool:
    """Says whether a pushed version was made from other data than what `resolve` calls so.

    One pushed by Stellwerk that does not say, as a run outside Kubeflow has no such step, was made from some other.
    """
    return bool(provenance) and (provenance.get("resolved") or {}).get("data") != data


def is_other_training(provenance: Mapping[str, Any], training: str) -> bool:
    """Says whether a pushed version came of another training than what `resolve` calls so: other data, spec or code."""
    pushed = provenance.get("model_digest") is not None
    return pushed and (provenance.get("resolved") or {}).get("training") != training


def _provenance(path: Path) -> dict[str, Any] | None:
    try:
        provenance = read_json(path / PROVENANCE)
    except (FileNotFoundError, ValueError):
        return None
    return provenance if isinstance(provenance, dict) else None
