"""Whether a pushed version still has the bytes that were pushed: what its provenance says of them, beside what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellwerk.components.artifacts.folders import overall
from stellwerk.components.artifacts.verifying import Difference, differences
from stellwerk.components.deployment.versions import PROVENANCE, STATISTICS


def beside(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """Returns digests of files by their names one folder up."""
    return {f"{folder}/{name}": digest for name, digest in files.items()}


def damage(provenance: Mapping[str, Any], found: Mapping[str, str]) -> list[Difference]:
    """Returns what is wrong with a pushed version; `found` is the SHA-256 of each of its files by name.

    Versions pushed before their provenance named files have one digest for the whole model. Empty for one that was not pushed by
    Stellwerk: nobody knows what it should be.
    """
    found = {name: digest for name, digest in found.items() if name != PROVENANCE}
    digest = provenance.get("model_digest")
    if digest is None:
        return []
    files = provenance.get("files")
    if isinstance(files, dict):
        told = overall({name: one for name, one in files.items() if not name.startswith(f"{STATISTICS}/")})
        wrong = [] if told == digest else [Difference(PROVENANCE, "has other bytes", str(digest), told)]
        return [*wrong, *differences(files, found)]
    whole = overall(found, without=STATISTICS)
    return [] if whole == digest else [Difference("the model", "has other bytes", str(digest), whole)]
