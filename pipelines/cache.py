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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.artifacts.states import state, steady_digest
from stellwerk.components.calling import STEPS
from stellwerk.components.lineage.code import package_digest
from stellwerk.pipelines.graph import Step

LIBRARIES = (
    "duckdb",
    "keras",
    "numpy",
    "pyarrow",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx-bsl",
)
SHARED_CODE = ("stellwerk.components.artifacts", "stellwerk.components.beam", "stellwerk.serving", "stellwerk.spec")


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
    package = STEPS[step.name].removesuffix(".work")
    decides = {
        "step": step.name,
        "parameters": step.parameters,
        "inputs": dict(inputs),
        "files": dict(files),
        "code": [package_digest(name) for name in (package, *SHARED_CODE)],
        "libraries": library_versions(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Hit:
    """A cached result."""

    run: str
    outputs: dict[str, str]
    """Digest of each output artifact."""
    rows: int | None


class Cache:
    """The cache of one pipeline, in `runs/<name>/.cache/`."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._folder = runs / ".cache"
        self._digests = _read(self._folder / "files.json")

    def find(self, step: Step, key: str) -> Hit | None:
        """Returns the cached result, or None. A result whose files were changed or deleted since does not count."""
        entry = _read(self._folder / f"{key}.json")
        if not entry:
            return None
        folder = self._runs / entry["run"] / step.name
        if any(_fingerprint(folder / output) != entry["fingerprints"].get(output) for output in step.outputs):
            return None
        return Hit(entry["run"], entry["outputs"], entry["rows"])

    def link(self, step: Step, hit: Hit, run: Path) -> None:
        """Puts the cached outputs into the folder of a run: hard links, copies where the file system has none."""
        for output in step.outputs:
            linked(self._runs / hit.run / step.name / output, run / step.name / output)

    def store(self, step: Step, key: str, run: Path, outputs: Mapping[str, str], rows: int | None) -> None:
        """Remembers that `run` holds the result for `key`."""
        entry = {
            "step": step.name,
            "run": run.name,
            "outputs": dict(outputs),
            "rows": rows,
            "fingerprints": {output: _fingerprint(run / step.name / output) for output in step.outputs},
        }
        write_json(self._folder / f"{key}.json", entry)

    def file_digests(self, paths: Sequence[Path]) -> list[str]:
        """Returns the SHA-256 of each file; one that looks as it did (size, time, inode) is not read again.

        Raises DataError for a file that is changed while it is read.
        """
        digests = []
        for path in paths:
            name, now = str(path.resolve()), state(path).as_json()
            known = self._digests.get(name)
            if known is None or known["looks"] != now:
                seen, digest = steady_digest(path)
                known = self._digests[name] = {"looks": seen.as_json(), "sha256": digest}
            digests.append(known["sha256"])
        write_json(self._folder / "files.json", self._digests)
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


def _read(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = read_json(path)
    except (OSError, json.JSONDecodeError):
        return {}
    return value


def _fingerprint(path: Path) -> str:
    """Names, sizes and times of the files below `path`: changes when somebody edits one, costs no reading."""
    if not path.exists():
        return "missing"
    items = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    stats = [(item.relative_to(path).as_posix(), item.stat()) for item in items]
    text = "\n".join(f"{name}\0{found.st_size}\0{found.st_mtime_ns}" for name, found in stats)
    return hashlib.sha256(text.encode()).hexdigest()
