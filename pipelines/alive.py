"""Whether the process of a run is still there: it holds a lock for as long as it lives, however it ends.

A number of a process says little: in a container every run is process 1, and its successor is too. Where the file system has no
locks, a mark of the process stands for it: the boot of the machine, and the moment when the process was started.
"""

from __future__ import annotations

import contextlib
import errno
import os
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

LOCK = ".lock"
"""File in the folder of a run that its process holds alone, and in the folder of a pipeline's runs: shared by runs while they begin,
and held alone by what removes runs."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What file systems without locks answer."""
INIT = 1
"""Number of the first process of a machine or a container."""

_held: dict[Path, int] = {}
"""Descriptors of the locks of this process."""


def hold(folder: Path) -> None:
    """Takes the lock of the run in `folder` until `let_go`, or the end of this process; where there are no locks, nothing."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        flock(lock, LOCK_EX)
    except OSError as error:
        os.close(lock)
        if error.errno not in NO_LOCKS:
            raise
        return
    _held[folder] = lock


def let_go(folder: Path) -> None:
    """Gives the lock of the run in `folder` back, if this process has it."""
    lock = _held.pop(folder, None)
    if lock is not None:
        os.close(lock)


def mark(pid: int) -> str | None:
    """Returns what no other process has, on this machine or after its next boot; None where the system does not say, or there is none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        start = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    return f"{boot}/{start}"


def is_alive(folder: Path, pid: int, process: str | None) -> bool:
    """Tells whether the process of the run in `folder` is there; `process` is the `mark` that it had."""
    held = _is_held(folder)
    if held is not None:
        return held
    if process is not None:
        return mark(pid) == process
    return pid != INIT and _is_there(pid)  # of a run before there were marks


def _is_held(folder: Path) -> bool | None:
    """Tells whether somebody has the lock; None where that cannot be told."""
    try:
        with (folder / LOCK).open("rb") as lock:
            flock(lock, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        pass
    return True


def _leave_to_the_parent() -> None:
    """Closes in a forked child what its parent holds: the lock is to go with the parent."""
    for lock in _held.values():
        with contextlib.suppress(OSError):
            os.close(lock)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)
