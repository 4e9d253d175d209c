"""Puts a new version into a folder that a model server may be watching: whole or not at all, one push at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import digests, folder_digest, write_json
from stellwerk.components.deployment.damage import sealed
from stellwerk.components.deployment.versions import PROVENANCE, STATISTICS, versions
from stellwerk.errors import StepFailed

LOCK = ".push.lock"
ASIDE = ".push-{number}.part"
"""Name of a version while it is copied: model servers take whole numbers only for versions."""


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lets one push at a time into `folder`; the others wait. The lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_leftovers(folder: Path) -> None:
    """Removes what pushes left that were killed on their way. Call it under the lock: nobody else is on theirs."""
    for leftover in folder.glob(ASIDE.format(number="*")):
        shutil.rmtree(leftover)


def place(model: Path, folder: Path, digest: str, provenance: dict[str, Any], statistics: Path | None = None) -> Path:
    """Copies `model` to the next version of `folder`, flushes it to the disk, checks it, and only then names it.

    `digest` is that of `model`; a copy with another one is refused with StepFailed. `statistics` lie beside it, as later runs
    are compared with them. Call it under the lock.
    """
    number = max((one.number for one in versions(folder)), default=0) + 1
    aside, target = folder / ASIDE.format(number=number), folder / str(number)
    try:
        _copy(model, aside)
        copied = folder_digest(aside)
        if copied != digest:
            raise StepFailed(
                f"{target}: the copy of the model differs from {model} (SHA-256 {copied[:12]}, not {digest[:12]}): "
                "the model was changed meanwhile, or the disk is faulty. Push again"
            )
        if statistics is not None:
            _copy(statistics, aside / STATISTICS)
            if digests(aside / STATISTICS) != digests(statistics):
                raise StepFailed(f"{target}: the copy of {statistics} differs from it: the disk is faulty. Push again")
        write_json(aside / PROVENANCE, sealed({**provenance, "version": number}))
        _flush_folders(aside)
        if target.exists():
            raise StepFailed(f"{target}: appeared while the model was copied, and is not overwritten. Push again")
        aside.rename(target)
        _flush(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return target


def _copy(source: Path, target: Path) -> None:
    """Copies a folder file by file. Links become what they point to: the copy stands alone."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        copy = target / path.name
        if path.is_dir():
            _copy(path, copy)
        else:
            shutil.copyfile(path, copy)
            _flush(copy)
            _forget(copy)


def _forget(path: Path) -> None:
    """Lets the system read a file from the disk when it is checked, and not from what it remembers of writing it."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file, contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _flush_folders(top: Path) -> None:
    _flush(top / PROVENANCE)
    for folder, _, _ in os.walk(top):
        _flush(Path(folder))


def _flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
