"""What this process may use of the machine, and how it ends with the process that started it."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_LIMIT = Path("/sys/fs/cgroup/memory.max")


def available_cores(quota: Path = _QUOTA) -> int:
    """Returns the cores this process may use: its affinity, and its container's quota (cgroup 2), at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if share == "max" else max(1, min(cores, math.ceil(int(share) / int(period))))


def memory(limit: Path = _LIMIT) -> int:
    """Returns the bytes of memory this process may use: the machine's, or its container's limit (cgroup 2) where that is less."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        said = limit.read_text().strip()
    except OSError:
        return there
    return min(there, int(said)) if said.isdecimal() else there


def die_with_parent() -> None:
    """Asks the kernel to kill this process when the one that started it dies (Linux); elsewhere does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
