"""How a file looks without being read: two looks that are the same with a reading between them mean one state of its bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.errors import DataError

GRAIN = 20_000_000
"""Nanoseconds within which two writes may leave the same time on a file: kernels set it by a clock of 100 to 1000 ticks a second."""


@dataclass(frozen=True)
class State:
    """A file as it looks: bytes, time of the last change in nanoseconds, and which file it is."""

    size: int
    modified: int
    inode: int

    def as_json(self) -> list[int]:
        """Returns the three in order."""
        return [self.size, self.modified, self.inode]


def state(path: Path) -> State:
    """Returns how a file looks now, once any later write would make it look otherwise. Raises DataError where there is none."""
    found = _look(path)
    if found is None:
        raise DataError(f"{path}: there is no such file any more. Run again once nobody moves it.")
    if 0 <= time.time_ns() - found.modified < GRAIN:
        time.sleep(GRAIN / 1e9)
        return _look(path) or found
    return found


def difference(path: Path, before: State) -> str | None:
    """Says in a few words what became of a file since it looked like `before`; None where it looks the same."""
    now = _look(path)
    if now == before:
        return None
    if now is None:
        return "vanished"
    if now.size != before.size:
        how = "grew" if now.size > before.size else "was cut"
        return f"{how} from {before.size:,} to {now.size:,} bytes"
    return "was overwritten" if now.inode == before.inode else "was replaced by another file"


def steady_digest(path: Path) -> tuple[State, str]:
    """Returns how a file looks, and the SHA-256 of its bytes. Raises DataError where it was changed while it was read."""
    before = state(path)
    digest = file_digest(path)
    changed = difference(path, before)
    if changed is not None:
        raise DataError(f"{path}: it {changed} while it was read. Run again once nobody writes it.")
    return before, digest


def _look(path: Path) -> State | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return State(found.st_size, found.st_mtime_ns, found.st_ino)
