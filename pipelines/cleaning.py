"""What may be removed from the runs of a pipeline, and what is still needed there.

Every run folder is complete by itself, as what it took from the cache is hard-linked into it; so removing one takes nothing from
another, and frees only the bytes that no other run holds.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json
from stellwerk.errors import StellwerkError, StepFailed
from stellwerk.pipelines.lineage.models import pushed_at
from stellwerk.pipelines.runs import TABLES, RunRecord, all_runs, locked
from stellwerk.steps import who_reaches

REMOVED = ".removed"
"""Folder that takes what is removed: a rename, so that a run is there whole or not at all."""
ASIDE = (".scratch", ".objects", ".baselines", TABLES)
"""Folders beside the runs whose content is made again where it is missing."""
BLOCK = 512
"""Bytes of a block in `st_blocks`."""


@dataclass(frozen=True)
class Removable:
    """Something that nobody needs any more."""

    path: Path
    frees: int
    """Bytes on the disk that are free without it and all that is removed with it."""


@dataclass(frozen=True)
class Plan:
    """What is removed, and what stays although it is old."""

    removed: tuple[Removable, ...]
    kept: Mapping[str, str]
    """Why each run stays that is old enough to go."""

    @property
    def frees(self) -> int:
        """Bytes on the disk that are free afterwards."""
        return sum(each.frees for each in self.removed)


def clean(runs: Path, keep: int, older_than: timedelta | None = None, now: datetime | None = None) -> Plan:
    """Removes what nobody needs of the runs in a folder, see `plan`, and returns what that was.

    No run begins between the look at what is needed and the end of the removal. Each run is first renamed aside, whole; what an
    interrupted removal left there goes with the next. Raises StepFailed for what cannot be removed.
    """
    if not runs.is_dir():
        return plan(runs, keep, older_than, now)
    aside = runs / REMOVED
    try:
        with locked(runs, alone=True):
            found = plan(runs, keep, older_than, now)
            if aside.is_dir():
                shutil.rmtree(aside)
            for each in found.removed:
                if each.path != aside:
                    aside.mkdir(exist_ok=True)
                    each.path.rename(aside / f"{each.path.parent.name}-{each.path.name}")
            _forget(runs)
            if aside.is_dir():
                shutil.rmtree(aside)
    except OSError as error:
        message = f"{error.filename or aside}: cannot be removed: {error.strerror or error}"
        raise StepFailed(f"{message}. What was removed before is gone; the rest is as it was.") from error
    return found


def plan(runs: Path, keep: int, older_than: timedelta | None = None, now: datetime | None = None) -> Plan:
    """Finds what nobody needs of the runs in a folder; nothing is removed yet.

    Of runs, those go that are not among the newest `keep`, and older than `older_than` where that is given, unless something
    needs them (see `_needed`). While a run goes on, what it may yet take from the cache stays, and so do the folders aside.
    """
    known = list(all_runs(runs))
    before = (now or datetime.now(UTC)) - (older_than or timedelta(0))
    old = [record for at, record in enumerate(known) if at >= keep and _started(record) <= before]
    needed = _needed(runs, known, {record.run for record in old})
    gone = [record.folder for record in old if record.run not in needed]
    aside = [] if any(record.is_going_on for record in known) else list(_aside(runs, known))
    leftover = [runs / REMOVED] if (runs / REMOVED).is_dir() else []
    paths = [*gone, *aside, *leftover]
    removed = tuple(Removable(path, frees) for path, frees in zip(paths, freed(paths), strict=True))
    return Plan(removed, {record.run: needed[record.run] for record in old if record.run in needed})


def freed(paths: Iterable[Path]) -> list[int]:
    """Returns how many bytes of the disk each path frees when all are removed.

    A file frees its blocks only where all its hard links are below the paths; then they count for the first path that has one.
    """
    found = [list(_files(path)) for path in paths]
    links = Counter((stat.st_dev, stat.st_ino) for stats in found for stat in stats)
    counted = set()
    sizes = []
    for stats in found:
        size = 0
        for stat in stats:
            inode = (stat.st_dev, stat.st_ino)
            if inode not in counted and links[inode] >= stat.st_nlink:
                size += stat.st_blocks * BLOCK
                counted.add(inode)
        sizes.append(size)
    return sizes


def _files(path: Path) -> Iterator[Any]:
    yield from (each.lstat() for each in path.rglob("*") if each.is_symlink() or each.is_file())


def _needed(runs: Path, known: list[RunRecord], old: set[str]) -> dict[str, str]:
    """Returns why runs have to stay: they go on, made a pushed model, are what the next run is compared with, or lie in the cache.

    `old` are the runs that are asked about; all others stay anyway.
    """
    needed: dict[str, str] = {}
    for record in known:
        why = "it goes on" if record.is_going_on else _pushed(record) if record.run in old else None
        if why is not None:
            needed[record.run] = why
    for record in _compared(known):
        needed.setdefault(record.run, "the next run is compared with it")
    entries = dict(_entries(runs))
    taking = any(record.is_going_on for record in known)
    keys = (
        set(entries) if taking else _keys(record for record in known if record.run not in old or record.run in needed)
    )
    holding = {entries.pop(key) for key in keys & set(entries)}
    while holding:  # what stays for its cache has a cache of its own
        for run in holding:
            needed.setdefault(run, "the cache of a run that stays is in it")
        keys = _keys(record for record in known if record.run in holding)
        holding = {entries.pop(key) for key in keys & set(entries)}
    return needed


def _keys(records: Iterable[RunRecord]) -> set[str]:
    return {step.key for record in records for step in record.steps if step.key}


def _pushed(record: RunRecord) -> str | None:
    """Says that a model is there that the run pushed, and whose provenance names it."""
    try:
        told = read_json(record.made("pushed_model") / "pushed.json")
        path = str(told["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        made = any(model.run == record.run for model in pushed_at(path))
    except StellwerkError:
        return f"it pushed {path}, which cannot be read"
    return f"it made {path}" if made else None


def _compared(known: list[RunRecord]) -> Iterator[RunRecord]:
    """Yields the runs whose statistics or model another run may be compared with: the newest two of different data, or models."""
    for artifact in ("examples", "model"):
        found: list[str] = []
        for record in known:
            digest = record.digest(artifact)
            if record.status == "done" and digest is not None and digest not in found and len(found) < 2:
                found.append(digest)
                yield record


def _aside(runs: Path, known: list[RunRecord]) -> Iterator[Path]:
    """Yields what lies beside the runs, but not that from which the next run goes on where the newest one stopped."""
    newest = known[0] if known else None
    stopped = [] if newest is None or newest.status == "done" else newest.steps
    unfinished = {
        f"{step.name}-{step.key[:32]}" for step in stopped if step.key and step.status not in ("done", "cached")
    }
    for folder in (runs / name for name in ASIDE):
        if not folder.is_dir():
            continue
        if folder.name == ".scratch":
            yield from (each for each in sorted(folder.iterdir()) if each.name not in unfinished)
        elif folder.name != ".objects" or not any(name.startswith(f"{who_reaches('sources')}-") for name in unfinished):
            yield folder


def _entries(runs: Path) -> Iterator[tuple[str, str]]:
    """Yields the key and the run of each entry of the cache."""
    for file in sorted((runs / ".cache").glob("*.json")):
        try:
            yield file.stem, str(read_json(file)["run"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue


def _forget(runs: Path) -> None:
    """Removes the entries of the cache whose run is gone."""
    for key, run in _entries(runs):
        if not (runs / run).is_dir():
            (runs / ".cache" / f"{key}.json").unlink(missing_ok=True)


def _started(record: RunRecord) -> datetime:
    return datetime.strptime(record.started, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
