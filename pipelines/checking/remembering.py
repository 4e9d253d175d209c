"""Remembers that the data fitted a spec, so that a run of the same spec on the same files does not look at them again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from stellwerk.components.artifacts.file_states import state
from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.ingestion.files import origins
from stellwerk.components.lineage.code import package_digest, plug_ins_digest
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.cache import library_versions
from stellwerk.pipelines.runs import runs_of
from stellwerk.spec.places import is_here

LOOKING = (
    "stellwerk.components.ingestion",
    "stellwerk.kinds",
    "stellwerk.media",
    "stellwerk.pipelines.checking",
    "stellwerk.section",
    "stellwerk.spec",
    "stellwerk.tasks",
)
"""The code that decides what a look at the data finds."""


def look(loaded: LoadedSpec) -> str | None:
    """Returns a digest of all that a look at the data depends on; None where some of them are not files of this machine.

    A file counts by its name, size, time and inode. Raises DataError for a source that leads nowhere.
    """
    sources = loaded.spec.data.sources
    if not all(is_here(path) for source in sources.values() for path in source.paths):
        return None
    files = [
        [name, str(path), *state(path).as_json()]
        for name, source in sources.items()
        for path in origins(name, source, loaded.directory)
        if isinstance(path, Path)
    ]
    decides = {
        "spec": loaded.spec.model_dump_json(by_alias=True),
        "files": files,
        "code": [package_digest(name) for name in LOOKING],
        "libraries": library_versions(),
        "plug_ins": plug_ins_digest(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def fitted_before(loaded: LoadedSpec, look: str) -> bool:
    """Tells whether the last look that found nothing wrong was this one."""
    try:
        return bool(read_json(_memory(loaded))["look"] == look)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remember(loaded: LoadedSpec, look: str) -> None:
    """Keeps that a look found nothing wrong."""
    write_json(_memory(loaded), {"look": look})


def _memory(loaded: LoadedSpec) -> Path:
    return runs_of(loaded.directory, loaded.spec.name) / ".cache" / "checked.json"
