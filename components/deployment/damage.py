"""Whether a pushed version still has the bytes that were pushed: what its provenance says of them, beside what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stellwerk.components.artifacts.folders import overall
from stellwerk.components.deployment.versions import PROVENANCE, STATISTICS


@dataclass(frozen=True)
class Difference:
    """One file that is not what it should be."""

    file: str
    what: str
    """`is missing`, `has other bytes`, or, what harms nobody, `is not part of it`."""
    expected: str | None = None
    """SHA-256 that it should have."""
    found: str | None = None

    @property
    def harmful(self) -> bool:
        """Whether something is lost, and not only something more is there."""
        return self.expected is not None


def beside(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """Returns digests of files by their names one folder up."""
    return {f"{folder}/{name}": digest for name, digest in files.items()}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[Difference]:
    """Returns what is different between files as they should be and as they are, both SHA-256 by name."""
    differing = []
    for name in sorted({*expected, *found}):
        should, is_there = expected.get(name), found.get(name)
        if should != is_there:
            what = "is missing" if is_there is None else "is not part of it" if should is None else "has other bytes"
            differing.append(Difference(name, what, should, is_there))
    return differing


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
