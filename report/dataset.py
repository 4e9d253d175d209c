"""Reads where the examples came from, how many there are, and which rows were set aside and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from stellwerk.report.files import read_json
from stellwerk.spec.places import state_of

QUARANTINE_LINES = 20_000
"""How many quarantined rows are read to find examples; the counts come from the manifest."""
EXAMPLES_OF_A_REASON = 3


@dataclass(frozen=True)
class Source:
    """One source of the data: a file, or several that belong together."""

    name: str
    path: str
    """Where its first file lay."""
    files: int
    state: str | None
    """What stands for its bytes: their SHA-256, or what its store calls the version of the only object, read in place."""
    rows: int | None
    rejected: int
    """Rows that did not parse."""
    size: int | None
    """Bytes."""


@dataclass(frozen=True)
class Reason:
    """Quarantined rows with the same reason."""

    reason: str
    rows: int
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Data:
    """The Examples artifact: its manifest and its quarantine."""

    version: str
    columns: Mapping[str, str]
    rows: Mapping[str, int]
    """Rows of each split."""
    read: int | None
    """Rows that came in, to be held against those written and those set aside."""
    sources: tuple[Source, ...]
    reasons: tuple[Reason, ...]

    @property
    def written(self) -> int:
        """Rows of all splits."""
        return sum(self.rows.values())

    @property
    def quarantined(self) -> int:
        """Rows that were set aside."""
        return sum(reason.rows for reason in self.reasons)


def read_data(path: Path) -> Data:
    """Reads the Examples artifact in `path`, without its shards."""
    manifest = read_json(path / "dataset.json")
    counts = manifest.get("rows", {})
    examples = _read_quarantine(path / "quarantine" / "rows.jsonl")
    reasons = sorted(counts.get("by_reason", {}).items(), key=lambda pair: -pair[1])
    before = counts.get("rejected_before_query", 0)
    return Data(
        version=str(manifest["version"]),
        columns=manifest["columns"],
        rows={split: int(entry["rows"]) for split, entry in manifest["splits"].items()},
        read=counts["read"] + before if "read" in counts else None,
        sources=tuple(_source(entry) for entry in manifest.get("sources", ())),
        reasons=tuple(Reason(reason, rows, tuple(examples.get(reason, ()))) for reason, rows in reasons),
    )


def _source(entry: Mapping[str, Any]) -> Source:
    files = entry["files"]
    return Source(
        name=str(entry["name"]),
        path=str(files[0]["path"]) if files else "",
        files=sum(file.get("files", 1) for file in files),
        state=entry.get("sha256") or (_stored(files[0]) if len(files) == 1 else None),
        rows=entry.get("rows"),
        rejected=entry.get("rejected") or 0,
        size=entry.get("bytes"),
    )


def _stored(file: Mapping[str, Any]) -> str | None:
    """Returns the version or ETag that the store of an object gives its state."""
    state = state_of(file)
    return state[1] if state is not None else None


def _read_quarantine(path: Path) -> dict[str, list[Mapping[str, Any]]]:
    """Returns a few rows for each reason among the first lines of the quarantine."""
    examples: dict[str, list[Mapping[str, Any]]] = {}
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in islice(lines, QUARANTINE_LINES):
                row = json.loads(line)
                if len(kept := examples.setdefault(str(row["reason"]), [])) < EXAMPLES_OF_A_REASON:
                    kept.append(row)
    return examples
