"""Pushed models and what they say of themselves: `provenance.json` of a version, in a folder or an object store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.deployment.targets import stored
from stellwerk.components.deployment.targets.objects import MARK, ObjectTarget
from stellwerk.components.deployment.versions import PROVENANCE, STATISTICS, versions
from stellwerk.errors import StepFailed
from stellwerk.spec.places import scheme_of
from stellwerk.spec.push import push_schemes
from stellwerk.steps import path_of
from stellwerk.stores import StoreError


@dataclass(frozen=True)
class Pushed:
    """One version of a pushed model."""

    path: str
    """Folder or URI of the version."""
    provenance: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the served model."""
        return str(self.provenance.get("name", ""))

    @property
    def version(self) -> int:
        """Number of the version."""
        return int(self.provenance.get("version", 0))

    @property
    def run(self) -> str:
        """Id of the run that pushed it."""
        return str(self.provenance.get("context", {}).get("run", ""))

    @property
    def data_version(self) -> str:
        """Version of the data that it was trained on."""
        model = self.provenance.get("model", {})
        return str(self.provenance.get("data", {}).get("version") or model.get("examples_version") or "")

    @property
    def home(self) -> Path | None:
        """Folder of the spec that it was made from: above the model where a file of that name is, else where it was."""
        spec = Path(self.provenance.get("context", {}).get("spec") or "")
        above = self.folder.parents if self.folder is not None and spec.name else ()
        beside = next((parent for parent in above if (parent / spec.name).is_file()), None)
        return beside or (spec.parent if spec.is_absolute() and spec.parent.is_dir() else None)

    @property
    def folder(self) -> Path | None:
        """Folder of the version on this machine; None for one in an object store."""
        return None if scheme_of(self.path) else Path(self.path)


def pushed_at(place: str) -> list[Pushed]:
    """Returns the versions that `place` means, oldest first: one version, or all of a model `<to>/<name>`.

    None where there is none that Stellwerk pushed. Raises StepFailed where the place cannot be read.
    """
    if scheme_of(place) in push_schemes():
        return _in_store(place.rstrip("/"))
    folder = Path(place)
    one = _provenance(folder)
    if one is not None:
        return [Pushed(str(folder.resolve()), one)]
    try:
        found = [version for version in versions(folder) if version.provenance is not None] if folder.is_dir() else []
    except OSError as error:
        raise StepFailed(f"{error.filename or folder}: cannot be read: {error.strerror or error}.") from error
    return [Pushed(str(version.path.resolve()), version.provenance or {}) for version in found]


def pushed_below(directory: Path) -> list[Pushed]:
    """Returns every version that was pushed into a folder of a project: `<to>/<name>/<version>`."""
    marks = [*directory.glob(f"*/[0-9]*/{PROVENANCE}"), *directory.glob(f"*/*/[0-9]*/{PROVENANCE}")]
    places = dict.fromkeys(str(mark.parent.parent) for mark in sorted(marks))
    return [one for place in places for one in pushed_at(place)]


def pushed_by(runs: Iterable[Path]) -> list[str]:
    """Returns the places that runs pushed to: `<to>/<name>` as folder or URI."""
    found = []
    for run in runs:
        told = _read(run / path_of("pushed_model") / "pushed.json")
        if told.get("path"):
            found.append(str(told["path"]).rstrip("/").rpartition("/")[0])
    return list(dict.fromkeys(found))


def intact(model: Pushed) -> bool | None:
    """Says whether the files of a version's model still are those that were pushed; None for one that is not on this machine."""
    if model.folder is None or not model.folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(item for item in model.folder.rglob("*") if item.is_file()):
        name = file.relative_to(model.folder).as_posix()
        if name != PROVENANCE and not name.startswith(f"{STATISTICS}/"):
            digest.update(f"{name}\0{file_digest(file)}\n".encode())
    return digest.hexdigest() == model.provenance.get("model_digest")


def _in_store(place: str) -> list[Pushed]:
    store, wanted = stored(place)
    if not isinstance(store, ObjectTarget):
        told = [Pushed(one.path, dict(one.provenance)) for one in store.newest_first() if wanted in (None, one.number)]
        return [one for one in reversed(told) if one.provenance]
    try:
        return [
            Pushed(f"{store.where}/{number}", _mapping(store.bucket.read(f"{store.base}{number}/{PROVENANCE}")))
            for number in _numbers(store, store.bucket.changed(store.base))
            if wanted in (None, number)
        ]
    except StoreError as error:
        raise StepFailed(f"{place}: {error}.") from error


def _numbers(store: ObjectTarget, names: Iterable[str]) -> list[int]:
    """Returns the versions that are complete and were pushed by Stellwerk."""
    known = {name.removeprefix(store.base) for name in names}
    numbers = {name.partition("/")[0] for name in known if name.endswith(f"/{PROVENANCE}")}
    return sorted(int(number) for number in numbers if number.isdecimal() and f"{number}/{MARK}" in known)


def _provenance(folder: Path) -> dict[str, Any] | None:
    found = _read(folder / PROVENANCE)
    return found or None


def _read(path: Path) -> dict[str, Any]:
    try:
        return _mapping(path.read_bytes())
    except OSError:
        return {}


def _mapping(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
