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
    told: Mapping[str, Any] = field(default_factory=dict)
    """What is known of files that are rows."""


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
    listed = _by_root(found, files) if found.roots else list(files.values())
    return Fingerprint(found.format, listed, digests)


def _by_root(found: Found, files: Mapping[Any, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns one entry for all files below each folder that the source begins at: they may be a hundred thousand.

    Its digest is that of their names and digests.
    """
    below: dict[str, list[Mapping[str, Any]]] = {}
    for told in files.values():
        root = next((root for root in found.roots if told["path"].startswith(root)), told["path"])
        below.setdefault(root, []).append(told)
    return [_together(root, several) for root, several in sorted(below.items())]


def _together(root: str, several: list[Mapping[str, Any]]) -> dict[str, Any]:
    if several[0]["path"] == root:  # a file that the source names, e.g. an archive
        return dict(several[0])
    lines = sorted(f"{told['path'][len(root) :]}\0{told['sha256']}\n" for told in several)
    digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return {
        "path": root or ".",
        "bytes": sum(told["bytes"] for told in several),
        "files": len(several),
        "sha256": digest,
    }


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
    media = {column.name: column.medium for column in columns if column.medium}
    content: dict[str, Any] = {
        "columns": {column.name: column.kind for column in columns},
        **({"media": media} if media else {}),
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
                **({"media": dict(rows[name].told)} if rows[name].told else {}),
            }
            for name, found in prints.items()
        ],
        "rows": {**vars(counts), "by_reason": dict(quarantine.by_reason)},
        "missing_from_nan": written.missing_from_nan,
        "query": data.query,
        "split": data.split.model_dump(mode="json"),
        **({"windows": written.windows} if written.windows is not None else {}),
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
