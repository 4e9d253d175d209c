"""Whether a run can write where it will: the folder of the runs, and that of the models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stellwerk.components.deployment.placing import LOCK
from stellwerk.components.deployment.versions import versions
from stellwerk.loading import LoadedSpec
from stellwerk.loading.document import Keys
from stellwerk.pipelines.runs import runs_of
from stellwerk.spec.places import is_here


def find_problems(loaded: LoadedSpec) -> Iterator[tuple[Keys, str]]:
    """Yields the folders of this machine that cannot be written, each at the key that names it."""
    runs = runs_of(loaded.directory, loaded.spec.name)
    if why := _refusal(runs):
        yield (
            ("name",),
            f"the runs of this pipeline are kept in {runs}, and {why}. Mend that, or put the spec elsewhere",
        )
    push = loaded.spec.push
    if push is not None and is_here(push.to):
        folder = loaded.directory / Path(push.to).expanduser() / loaded.spec.name
        if why := _refusal(folder) or _taken(folder):
            yield ("push", "to"), f"'{push.to}': {why}. Mend that, or choose another folder"


def _taken(folder: Path) -> str | None:
    """Returns what is in the way of the next version in a folder that can be written; None where nothing is."""
    if not folder.is_dir():
        return None
    if not os.access(folder, os.R_OK):
        return f"{folder} may not be read by this user"
    lock = folder / LOCK
    if os.path.lexists(lock) and not (lock.is_file() and os.access(lock, os.W_OK)):
        return f"{lock} is in the way of the lock of pushes, or may not be written by this user"
    try:
        following = folder / str(max((one.number for one in versions(folder)), default=0) + 1)
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    if os.path.lexists(following):
        return f"{following} is in the way of the next version: it is no folder"
    return None


def _refusal(folder: Path) -> str | None:
    """Returns why nothing can be written in a folder, which need not be there yet; None where something can."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    try:
        there.resolve(strict=True)
    except FileNotFoundError:
        return f"{there} is a link that leads nowhere"
    except (OSError, RuntimeError):
        return f"{there} is a link that leads to itself"
    if not there.is_dir():
        return f"{there} is a file"
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        return f"the file system of {there} is read-only"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} may not be written by this user"
