"""Whether a pushed version still has the bytes that were pushed: what its provenance says of them, beside what is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stellwerk.components.artifacts.folders import overall
from stellwerk.components.artifacts.verifying import Difference, differences
from stellwerk.components.deployment.versions import PROVENANCE, STATISTICS

SEAL = "provenance_digest"
"""Key of `provenance.json` that has the digest of all the rest of it."""


def sealed(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `provenance.json` says, with the digest of it: so that a change of the file itself is noticed.

    Whoever may write there can change both. It holds against accidents, and edits by hand.
    """
    return {**provenance, SEAL: _seal(provenance)}


def is_sealed(provenance: Mapping[str, Any]) -> bool:
    """Tells whether a version's provenance says what it said when it was written; one of an earlier Stellwerk has no digest, and counts."""
    return SEAL not in provenance or provenance[SEAL] == _seal(provenance)


def _seal(provenance: Mapping[str, Any]) -> str:
    rest = json.loads(json.dumps({key: value for key, value in provenance.items() if key != SEAL}))
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


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
    wrong = (
        []
        if is_sealed(provenance)
        else [Difference(PROVENANCE, "has other bytes", str(provenance[SEAL]), _seal(provenance))]
    )
    files = provenance.get("files")
    if isinstance(files, dict):
        told = overall({name: one for name, one in files.items() if not name.startswith(f"{STATISTICS}/")})
        if not wrong and told != digest:
            wrong = [Difference(PROVENANCE, "has other bytes", str(digest), told)]
        return [*wrong, *differences(files, found)]
    whole = overall(found, without=STATISTICS)
    return [*wrong, *([] if whole == digest else [Difference("the model", "has other bytes", str(digest), whole)])]
