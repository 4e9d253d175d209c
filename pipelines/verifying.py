"""Reads every byte of pushed models and of runs again, and says what is not what was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import MANIFEST, file_digest, folder_digest, read_json
from stellwerk.components.artifacts.verifying import HERE, Difference, damaged, read_digests
from stellwerk.components.deployment.damage import damage
from stellwerk.components.deployment.targets import stored
from stellwerk.components.deployment.targets.objects import MARK, ObjectTarget
from stellwerk.components.deployment.versions import PROVENANCE
from stellwerk.errors import StepFailed, UsageError
from stellwerk.pipelines.runs import DIGESTS, RunRecord
from stellwerk.spec.places import scheme_of
from stellwerk.spec.push import push_schemes
from stellwerk.stores import StoreError

RECORD = "run.json"
UNREADABLE = "cannot be read"
WHAT = "Give a version or all versions of a model, a run, a folder of runs, or Examples; or a gs:// or s3:// URI of a model."


@dataclass(frozen=True)
class Checked:
    """A model, a run or an artifact that was read again."""

    path: str
    kind: str
    """`model`, `run` or `examples`."""
    files: int
    """How many were read."""
    wrong: tuple[Difference, ...] = ()
    note: str = ""
    """Why nothing could be said of it."""

    @property
    def damaged(self) -> bool:
        """Whether something of it is lost."""
        return any(one.harmful for one in self.wrong)


def verify(place: str) -> Iterator[Checked]:
    """Yields what lies at a path or URI, each once all of it was read. Raises UsageError where there is nothing of the kind.

    Raises StepFailed for a store that cannot be read.
    """
    scheme = scheme_of(place)
    if scheme:
        if scheme not in push_schemes():
            raise UsageError(f"{place}: '{scheme}' is no place of models. {WHAT}")
        return _in_store(place.rstrip("/"))
    path, digest = Path(place), _once()
    if not path.is_dir():
        raise UsageError(f"{place}: there is no such folder. {WHAT}")
    if (path / RECORD).is_file():
        return iter([_run(path, digest)])
    if (path / MANIFEST).is_file():
        return iter([_examples(path, digest)])
    found = _versions(path) or [each for model in _folders(path) for each in _versions(model)]
    runs = sorted([*path.glob(f"*/{RECORD}"), *path.glob(f"*/*/{RECORD}")])
    if not found and not runs:
        raise UsageError(f"{place}: nothing that Stellwerk wrote is there. {WHAT}")
    return iter([*(_version(each, digest) for each in found), *(_run(each.parent, digest) for each in runs)])


def _once() -> Callable[[Path], str]:
    """Returns a function that reads a file for its SHA-256, and those that are hard links to it no more."""
    known: dict[tuple[int, int], str] = {}

    def digest(path: Path) -> str:
        found = path.stat()
        inode = found.st_dev, found.st_ino
        if inode not in known:
            known[inode] = file_digest(path)
        return known[inode]

    return digest


def _folders(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir())


def _versions(path: Path) -> list[Path]:
    """Returns the version that a folder is, or the versions in it, by their numbers."""
    if (path / PROVENANCE).is_file() or (path / MARK).is_file():
        return [path] if _is_number(path.name) or (path / PROVENANCE).is_file() else []
    numbered = [each for each in _folders(path) if _is_number(each.name)]
    pushed = [each for each in numbered if (each / PROVENANCE).is_file() or (each / MARK).is_file()]
    return sorted(pushed, key=lambda each: int(each.name))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _version(path: Path, digest: Callable[[Path], str]) -> Checked:
    try:
        content: bytes | None = (path / PROVENANCE).read_bytes()
    except OSError:
        content = None
    return _of_version(str(path), content, read_digests(path, digest=digest))


def _of_version(path: str, provenance: bytes | None, found: Mapping[str, str]) -> Checked:
    if provenance is None:
        return Checked(path, "model", len(found), note=f"has no {PROVENANCE}: nobody knows what it should be")
    told = _json(provenance)
    if not isinstance(told, dict) or not isinstance(told.get("model_digest"), str):
        return Checked(path, "model", len(found), (Difference(PROVENANCE, UNREADABLE, ""),))
    return Checked(path, "model", len(found), tuple(damage(told, found)))


def _run(folder: Path, digest: Callable[[Path], str]) -> Checked:
    """Reads the artifacts of all steps that ended well."""
    try:
        record = RunRecord.load(folder)
    except (OSError, ValueError, RecursionError):
        return Checked(str(folder), "run", 0, (Difference(RECORD, UNREADABLE, ""),))
    wrong, files = list[Difference](), 0
    for step in record.steps:
        kept = _kept(folder / step.name / DIGESTS)
        if kept is None:
            wrong.append(Difference(f"{step.name}/{DIGESTS}", UNREADABLE, ""))
        for artifact, should in step.outputs.items():
            path, told = record.artifact(step.name, artifact), (kept or {}).get(artifact)
            found = read_digests(path, digest=digest) if path.exists() else {}
            files += len(found)
            below = f"{step.name}/{artifact}"
            wrong += [_below(below, one) for one in damaged(path, should, told, found=found or None)]
    return Checked(str(folder), "run", files, tuple(wrong))


def _kept(path: Path) -> dict[str, dict[str, str]] | None:
    """Returns the digests of a step's files; none of a step, or a run, that kept none, None where they are damaged."""
    try:
        told = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(told, dict) and all(isinstance(files, dict) for files in told.values())
    return told if whole else None


def _examples(path: Path, digest: Callable[[Path], str]) -> Checked:
    found = read_digests(path, digest=digest)
    try:
        wrong = damaged(path, folder_digest(path), found=found)
    except ValueError:
        wrong = [Difference(MANIFEST, UNREADABLE, "")]
    return Checked(str(path), "examples", len(found), tuple(wrong))


def _below(folder: str, one: Difference) -> Difference:
    name = folder if one.file == HERE else f"{folder}/{one.file}"
    return Difference(name, one.what, one.expected, one.found)


def _in_store(place: str) -> Iterator[Checked]:
    store, wanted = stored(place)
    if not isinstance(store, ObjectTarget):
        raise UsageError(f"{place}: what brings '{scheme_of(place)}' gives no files to read again. {WHAT}")
    try:
        names = sorted(store.bucket.changed(store.base))
        parts = [each.removeprefix(store.base).split("/") for each in names]
        numbers = {int(part[0]) for part in parts if _is_number(part[0]) and part[1:] in ([MARK], [PROVENANCE])}
        chosen = sorted(number for number in numbers if wanted in (None, number))
        if not chosen:
            raise UsageError(f"{place}: no version of a model is there. {WHAT}")
        for number in chosen:
            version = f"{store.base}{number}/"
            found = {each.removeprefix(version): each for each in names if each.startswith(version)}
            provenance = store.bucket.read(found[PROVENANCE]) if PROVENANCE in found else None
            digests = {file: store.bucket.digest(each) for file, each in found.items() if not each.endswith("/")}
            yield _of_version(f"{store.where}/{number}", provenance, digests)
    except StoreError as error:
        raise StepFailed(f"{place}: {error}.") from error


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
