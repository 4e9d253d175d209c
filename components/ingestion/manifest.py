"""`dataset.json`: what the Examples are, where they come from, and the version that stands for all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.ingestion.columns import Column
from stellwerk.components.ingestion.files import Found
from stellwerk.components.ingestion.quarantine import Quarantine
from stellwerk.spec.data import Data
from stellwerk.stores.reading import InPlace

if TYPE_CHECKING:
    from stellwerk.components.ingestion.writing import Written


@dataclass(frozen=True)
class SourceRows:
    """How many rows of a source parsed, and how many did not."""

    rows: int
    rejected: int


@dataclass(frozen=True)
class Fingerprint:
    """The files of a source as they were read."""

    format: str
    files: list[dict[str, Any]]
    digests: dict[Path, str] = field(default_factory=dict)
    """SHA-256 of each file that was read on this machine."""

    @property
    def sha256(self) -> str | None:
        """Digest of the one file, or of the digests of all; None where one was read in place, and its bytes were not digested."""
        if not all("sha256" in file for file in self.files):
            return None
        digests = [file["sha256"] for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def fingerprint(found: Found) -> Fingerprint:
    """Reads every file of a source once more, for size and digest; for objects that are read in place stands what their place says."""
    origins = {file.origin: file.label for file in found.files}
    files = {origin: {"path": label, **_print(origin)} for origin, label in origins.items()}
    digests = {origin: told["sha256"] for origin, told in files.items() if isinstance(origin, Path)}
    return Fingerprint(found.format, list(files.values()), digests)


def _print(origin: Path | InPlace) -> dict[str, Any]:
    if isinstance(origin, InPlace):
        return {"bytes": origin.size, "stored": dict(origin.item.stored)}
    return {"bytes": origin.stat().st_size, "sha256": file_digest(origin)}


@dataclass(frozen=True)
class Counts:
    """The book-keeping: `read` are the rows of the query's result, or all rows of the only source."""

    read: int
    written: int
    quarantined: int
    rejected_before_query: int
    """Rows that the sources of a query lost on the way in; they are counted with their source."""


def manifest(
    *,
    data: Data,
    columns: list[Column],
    written: Written,
    counts: Counts,
    rows: Mapping[str, SourceRows],
    prints: Mapping[str, Fingerprint],
    quarantine: Quarantine,
) -> dict[str, Any]:
    """Returns the content of `dataset.json`."""
    content: dict[str, Any] = {
        "columns": {column.name: column.kind for column in columns},
        "splits": written.splits,
        "sources": [
            {
                "name": name,
                "format": found.format,
                "files": found.files,
                "bytes": sum(file["bytes"] for file in found.files),
                **({"sha256": found.sha256} if found.sha256 else {}),
                "rows": rows[name].rows,
                "rejected": rows[name].rejected,
            }
            for name, found in prints.items()
        ],
        "rows": {**vars(counts), "by_reason": dict(quarantine.by_reason)},
        "missing_from_nan": written.missing_from_nan,
        "query": data.query,
        "split": data.split.model_dump(mode="json"),
    }
    return {"version": version(content), **content}


def version(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a manifest's content, but for where the source files lie."""
    known = dict(content)
    known["sources"] = [
        {**source, "files": [{key: value for key, value in file.items() if key != "path"} for file in source["files"]]}
        for source in content["sources"]
    ]
    return hashlib.sha256(json.dumps(known, sort_keys=True, allow_nan=False).encode()).hexdigest()
