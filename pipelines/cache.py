"""The cache: a step whose inputs, parameters, code, hooks and libraries are unchanged is not run again.

An entry says in which run the outputs lie; on a hit they are hard-linked into the new run, so that every run folder is
complete and old ones can be deleted freely.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.file_states import state, steady_digest
from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.artifacts.verifying import damaged, said
from stellwerk.components.lineage.code import SHARED, package_digest, plug_ins_digest
from stellwerk.errors import DamagedWarning
from stellwerk.pipelines.graph import Step
from stellwerk.showing import few

LIBRARIES = (
    "duckdb",
    "keras",
    "numpy",
    "pyarrow",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-text",
    "tensorflow-transform",
    "tfx-bsl",
)
SHARED_CODE = (
    "stellwerk.components.artifacts",
    "stellwerk.components.beam",
    "stellwerk.components.forms",
    *SHARED,
)
"""Whose change may change what a step makes, beside that of its own package (`tests/test_rooms.py`)."""


@cache
def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries whose change may change a result; those not installed are left out."""
    versions = {}
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return versions


def key(step: Step, inputs: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Returns the cache key of a step: SHA-256 over everything that decides its result.

    `inputs` and `files` are digests by argument; paths and times do not count, so a moved folder stays cached.
    """
    decides = {
        "step": step.name,
        "parameters": step.parameters,
        "inputs": dict(inputs),
        "files": dict(files),
        "code": [package_digest(name) for name in (step.declared.package, *SHARED_CODE)],
        "libraries": library_versions(),
        **({"plug_ins": plug_ins} if (plug_ins := plug_ins_digest()) else {}),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Known:
    """A file of the user whose digest is known."""

    looks: list[int]
    """Its size, time and inode then."""
    sha256: str


@dataclass(frozen=True)
class Hit:
    """A cached result, as an entry says of it."""

    step: str
    run: str
    outputs: dict[str, str]
    """Digest of each output artifact."""
    rows: int | None
    files: dict[str, dict[str, str]]
    """SHA-256 of each file of each output artifact."""


class Cache:
    """The cache of one pipeline, in `runs/<name>/.cache/`."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._folder = runs / ".cache"
        self._digests: dict[str, _Known] = _read(self._folder / "files.json", dict[str, _Known]) or {}

    def find(self, step: Step, key: str) -> Hit | None:
        """Returns the cached result, or None. Every byte of it is read: one that is not what was stored does not count.

        A DamagedWarning names the files that were changed or deleted since; not where the whole run is gone.
        """
        entry: Hit | None = _read(self._folder / f"{key}.json", Hit)
        if entry is None or not (self._runs / entry.run).is_dir():
            return None
        for output in step.outputs:
            path = self._runs / entry.run / step.name / output
            wrong = damaged(path, entry.outputs.get(output, ""), entry.files.get(output))
            if wrong:
                _warn(f"{few(said(path, one) for one in wrong)}: not what step {step.name} wrote. It runs again.")
                return None
        return entry

    def link(self, step: Step, hit: Hit, run: Path) -> None:
        """Puts the cached outputs into the folder of a run: hard links, copies where the file system has none."""
        for output in step.outputs:
            linked(self._runs / hit.run / step.name / output, run / step.name / output)

    def store(self, step: Step, key: str, run: Path, hit: Hit) -> None:
        """Remembers that `run` holds the result `hit` for `key`."""
        write_json(self._folder / f"{key}.json", {**asdict(hit), "step": step.name, "run": run.name})

    def file_digests(self, paths: Sequence[Path]) -> list[str]:
        """Returns the SHA-256 of each file; one that looks as it did (size, time, inode) is not read again.

        Raises DataError for a file that is changed while it is read.
        """
        digests = []
        for path in paths:
            name, now = str(path.resolve()), state(path).as_json()
            known = self._digests.get(name)
            if known is None or known.looks != now:
                seen, digest = steady_digest(path)
                known = self._digests[name] = _Known(seen.as_json(), digest)
            digests.append(known.sha256)
        write_json(self._folder / "files.json", {name: asdict(known) for name, known in self._digests.items()})
        return digests

    def forget_files(self) -> None:
        """Forgets what digests files had: one of them is not what it looks like."""
        self._digests.clear()
        (self._folder / "files.json").unlink(missing_ok=True)


def linked(source: Path, target: Path) -> None:
    """Puts a file or folder to a second place: hard links, copies where the file system has none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link)
    else:
        _link(str(source), str(target))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _read(path: Path, kind: Any) -> Any:
    """Returns what a file of the cache holds, of type `kind`; None where there is none, or, with a DamagedWarning, another thing."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only an engine that runs steps needs it

    try:
        return TypeAdapter(kind).validate_python(read_json(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        _warn(f"{path}: cannot be read ({reason}); it counts as missing.")
        return None


def _warn(message: str) -> None:
    warnings.warn(message, DamagedWarning, stacklevel=3)
