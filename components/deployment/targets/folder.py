"""A folder of this machine, which may be a mounted share or bucket."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import digests
from stellwerk.components.deployment.damage import damage
from stellwerk.components.deployment.placing import exclusive, place, remove_leftovers
from stellwerk.components.deployment.targets.base import Placed, Pushed
from stellwerk.components.deployment.versions import STATISTICS, Version, versions
from stellwerk.errors import StepFailed

REASONS = {
    errno.ENOSPC: "the disk is full. Make room",
    errno.EDQUOT: "the quota is used up. Make room",
    errno.EROFS: "the file system is read-only. Choose another push.to",
    errno.EACCES: "it may not be written by this user. Change its permissions, or choose another push.to",
    errno.EPERM: "it may not be written by this user. Change its permissions, or choose another push.to",
    errno.ENOTDIR: "a part of the path is a file. Choose another push.to",
    errno.EEXIST: "there is a file of that name. Choose another push.to",
}


def target(to: str, directory: Path, name: str) -> FolderTarget:
    """Returns the folder of the versions of `name`."""
    return FolderTarget((directory / Path(to).expanduser()).resolve() / name)


def _whole(version: Version) -> bool:
    """Says whether a version still is what was pushed; what is damaged is pushed again, as the next one."""
    return not any(one.harmful for one in damage(version.provenance or {}, digests(version.path)))


@dataclass(frozen=True)
class FolderTarget:
    """Versions as folders: a version is copied under another name, checked, and renamed; a lock lets one push in."""

    folder: Path

    def push(self, model: Path, digest: str, provenance: dict[str, Any], statistics: Path | None = None) -> Placed:
        """Copies the model to the next version of the folder."""
        try:
            with exclusive(self.folder):
                remove_leftovers(self.folder)
                there = versions(self.folder)
                if there and there[-1].model_digest == digest and _whole(there[-1]):
                    return Placed(str(there[-1].path), there[-1].number, new=False)
                path = place(model, self.folder, digest, provenance, statistics)
        except OSError as error:
            reason = REASONS.get(error.errno or 0, f"{error.strerror or error}")
            raise StepFailed(f"push.to: {self.folder}: {reason}. Nothing was pushed") from error
        return Placed(str(path), int(path.name), new=True)

    def newest_first(self) -> Iterator[Pushed]:
        """Yields the folders whose name is a number."""
        with self._read():
            there = versions(self.folder)
        for one in reversed(there):
            statistics = one.path / STATISTICS
            yield Pushed(
                one.number, str(one.path), one.provenance or {}, str(statistics) if statistics.is_dir() else None
            )

    def fetch(self, path: str, folder: Path) -> Path:  # noqa: ARG002 - it is here already
        """Returns the folder itself."""
        if not Path(path).is_dir():
            raise StepFailed(f"push.to: {path}: there is no such folder any more. Run again")
        return Path(path)

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self.folder
            raise StepFailed(
                f"push.to: {where}: cannot be read: {error.strerror or error}. "
                "There is nothing to compare with. Mend that, or give another push.to"
            ) from error
