"""Versions in an object store, which knows no rename and no lock: only to create what is not there yet.

    <to>/<name>/3/...                   a version; it is there once 3/saved_model.pb is, which is written last
    <to>/<name>/.push/3.json            who has the number 3: the digest of its model; created once, never changed
    <to>/<name>/.push/3-<push>/...      the files while they are uploaded; the store copies them to 3/ at the end

A push takes the number after the highest version and every number that another model has claimed. Pushes of the same
model share a claim: they write the same bytes, and the one that creates saved_model.pb has made the version. So a push
that follows a killed one of the same model completes it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import folder_digest, written_aside
from stellwerk.components.deployment.damage import is_sealed, sealed
from stellwerk.components.deployment.targets.base import Placed, Pushed
from stellwerk.components.deployment.versions import PROVENANCE, STATISTICS
from stellwerk.errors import StepFailed
from stellwerk.stores import StoreError, writable
from stellwerk.stores.bucket import Bucket

MARK = "saved_model.pb"
"""The object that makes a version complete."""
NOTHING = "There is nothing to compare with"
"""What follows where the versions cannot be read."""
STALE = timedelta(days=1)
"""What an unfinished push left is removed after this time: no push takes so long."""


def target(to: str, directory: Path, name: str) -> ObjectTarget:  # noqa: ARG001 - a URI starts nowhere
    """Returns the versions of `name` in the store."""
    try:
        store, prefix = writable(to)
    except StoreError as error:
        raise StepFailed(f"push.to: {to}: {error}") from error
    return ObjectTarget(f"{to.rstrip('/')}/{name}", f"{prefix}/{name}/".lstrip("/"), Bucket(store))


@dataclass(frozen=True)
class ObjectTarget:
    """The versions of one model in a store."""

    where: str
    """URI of them, for people: `<to>/<name>`."""
    base: str
    """What the names of all their objects begin with, with a slash at the end."""
    bucket: Bucket

    def push(self, model: Path, digest: str, provenance: dict[str, Any], statistics: Path | None = None) -> Placed:
        """Uploads the model as the next version."""
        with self._told("Nothing was pushed"):
            there = self._complete(self.bucket.changed(self.base))
            newest = max(there, default=0)
            if newest and self._is_whole(newest, model, digest):
                return Placed(f"{self.where}/{newest}", newest, new=False)
            number = self._claimed(newest + 1, digest)
            new = self._placed(model, number, digest, sealed({**provenance, "version": number}), statistics)
        with contextlib.suppress(StoreError):  # the version is there: the next push can clean up as well
            self._remove_leftovers(number)
        return Placed(f"{self.where}/{number}", number, new=new)

    def newest_first(self) -> Iterator[Pushed]:
        """Yields the complete versions; what made one is read when it is its turn."""
        with self._told(NOTHING):
            names = self.bucket.changed(self.base)
        for number in sorted(self._complete(names), reverse=True):
            there = f"{self.where}/{number}"
            kept = any(name.startswith(f"{self.base}{number}/{STATISTICS}/") for name in names)
            with self._told(NOTHING):
                provenance = self._provenance(number)
            yield Pushed(number, there, provenance, f"{there}/{STATISTICS}" if kept else None)

    def fetch(self, path: str, folder: Path) -> Path:
        """Downloads what is below a URI, unless it is there already."""
        if not folder.is_dir():
            with self._told(NOTHING):
                self._download(self.base + path.removeprefix(f"{self.where}/") + "/", folder)
        return folder

    @contextlib.contextmanager
    def _told(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise StepFailed(f"push.to: {self.where}: {error}. {consequence}") from error

    def _complete(self, names: Iterable[str]) -> set[int]:
        """Returns the numbers of the complete versions among all names."""
        parts = [name.removeprefix(self.base).split("/") for name in names]
        return {int(part[0]) for part in parts if _is_number(part[0]) and part[1:] == [MARK]}

    def _provenance(self, number: int) -> Mapping[str, Any]:
        """Returns `provenance.json` of a version; empty for one that was not pushed by Stellwerk."""
        name = f"{self.base}{number}/{PROVENANCE}"
        if name not in self.bucket.changed(name):
            return {}
        return _mapping(self.bucket.read(name))

    def _is_whole(self, number: int, model: Path, digest: str) -> bool:
        """Tells whether a version is `model`, and every file of it still is what was pushed."""
        provenance, version = self._provenance(number), f"{self.base}{number}/"
        if provenance.get("model_digest") != digest or not is_sealed(provenance):
            return False
        there, told = self.bucket.changed(version), provenance.get("files")
        files: dict[str, str] = told if isinstance(told, dict) else {}
        beside = [name for name in files if name.startswith(f"{STATISTICS}/")]
        return all(
            f"{version}{name}" in there and self.bucket.holds(f"{version}{name}", file)
            for name, file in _files(model).items()
        ) and all(
            f"{version}{name}" in there and self.bucket.digest(f"{version}{name}") == files[name] for name in beside
        )

    def _claimed(self, first: int, digest: str) -> int:
        """Returns a number from `first` on that no other model has, claimed for this one."""
        content = json.dumps({"model_digest": digest}).encode()
        for number in itertools.count(first):
            claim = f"{self.base}.push/{number}.json"
            if self.bucket.create(claim, content):
                if not self.bucket.changed(f"{self.base}{number}/"):  # somebody may have uploaded it by hand
                    return number
            elif _mapping(self.bucket.read(claim)).get("model_digest") == digest:
                return number
        raise AssertionError("unreachable")  # pragma: no cover

    def _placed(
        self, model: Path, number: int, digest: str, provenance: dict[str, Any], statistics: Path | None
    ) -> bool:
        """Writes the version `number`, its mark last. Returns whether this push is the one that completed it."""
        version, aside = f"{self.base}{number}/", f"{self.base}.push/{number}-{uuid.uuid4().hex[:8]}/"
        files = _files(model)
        if statistics is not None:
            files |= {f"{STATISTICS}/{name}": file for name, file in _files(statistics).items()}
        mark = files.pop(MARK).read_bytes()
        try:
            for name, file in files.items():
                self.bucket.upload(aside + name, file)
            if folder_digest(model) != digest:
                raise StoreError(f"the model {model} was changed while it was uploaded. Push again")
            if f"{version}{MARK}" in self.bucket.changed(version):
                return False
            for name in files:
                self.bucket.copy(aside + name, version + name)
            for name, file in files.items():
                if not self.bucket.holds(version + name, file):
                    raise StoreError(f"{version}{name} does not have the bytes that were written to it. Push again")
            self._create(version + PROVENANCE, json.dumps(provenance, indent=1, sort_keys=True).encode())
            return self._create(version + MARK, mark)
        finally:
            with contextlib.suppress(StoreError):
                self.bucket.remove([aside + name for name in files])

    def _create(self, name: str, content: bytes) -> bool:
        """Writes what is not there yet, and reads it back; what is not as it was written is removed again."""
        made = self.bucket.create(name, content)
        if made and self.bucket.read(name) != content:
            self.bucket.remove([name])
            raise StoreError(f"{name} does not have the bytes that were written to it. Push again")
        return made

    def _remove_leftovers(self, number: int) -> None:
        """Removes what pushes before `number` left that were killed long ago."""
        changed = self.bucket.changed(self.base)
        complete = self._complete(changed)
        before = datetime.now(UTC) - STALE
        left = []
        for name, moment in changed.items():
            top, _, rest = name.removeprefix(self.base).partition("/")
            if top == ".push" and "/" in rest:
                old = moment < before
            else:
                claimed = f"{self.base}.push/{top}.json" in changed
                unfinished = _is_number(top) and int(top) < number and int(top) not in complete
                old = claimed and unfinished and moment < before
            if old:
                left.append(name)
        self.bucket.remove(left)

    def _download(self, prefix: str, folder: Path) -> None:
        with written_aside(folder) as aside:
            for name in self.bucket.changed(prefix):
                file = aside / name.removeprefix(prefix)
                if name.endswith("/") or ".." in file.parts:
                    continue
                file.parent.mkdir(parents=True, exist_ok=True)
                self.bucket.download(name, file)


def _files(folder: Path) -> dict[str, Path]:
    """Returns all files below a folder by their names in it."""
    return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _mapping(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
