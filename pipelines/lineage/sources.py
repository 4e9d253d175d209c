"""The files that data was made from, and whether they still are what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.spec import places
from stellwerk.spec.places import is_here

State = Literal["unchanged", "changed", "gone", "not looked at"]
"""`not looked at`: it lies elsewhere, or nobody knows where its path starts."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a source, as it was when data was made from it, and how it is now."""

    source: str
    """Name of the source in the spec."""
    path: str
    """As the data knows it: relative to the spec's folder where it is below that."""
    sha256: str
    bytes: int | None
    state: State
    stored: str = ""
    """What its store called the state that was read in place, e.g. `generation 1763`; empty where `sha256` says it."""


def source_files(origin: Mapping[str, Any], directory: Path | None) -> list[SourceFile]:
    """Returns the files that `origin` (a `dataset.json`, or `data` of a provenance) names; paths start at `directory`."""
    return [
        SourceFile(
            source["name"],
            file["path"],
            file.get("sha256", ""),
            file.get("bytes"),
            _state(file, directory),
            " ".join(places.state_of(file) or ()) if "stored" in file else "",
        )
        for source in origin.get("sources", ())
        for file in source["files"]
    ]


def _state(file: Mapping[str, Any], directory: Path | None) -> State:
    """Says it of an entry of a manifest; of a folder whose files are one entry only whether it is there."""
    if "files" not in file:
        return state_of(file["path"], file.get("sha256", ""), directory)
    here = located(file["path"], directory)
    return "gone" if here is not None and not here.is_dir() else "not looked at"


def state_of(path: str, sha256: str, directory: Path | None) -> State:
    """Says whether the bytes of a file still have the digest `sha256`; reads them only where there is one."""
    here = located(path, directory)
    if here is None or not sha256:
        return "not looked at"
    if not here.is_file():
        return "gone"
    try:
        return "unchanged" if file_digest(here) == sha256 else "changed"
    except OSError:
        return "not looked at"


def located(path: str, directory: Path | None) -> Path | None:
    """Returns where a path lies on this machine; None for a URI, and for a relative one that nobody knows the start of."""
    if not is_here(path):
        return None
    plain = Path(path.removeprefix("file://"))
    if plain.is_absolute():
        return plain
    return directory / plain if directory is not None and directory.is_dir() else None
