"""How many threads TensorFlow may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

import tensorflow as tf

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def use_available_cores() -> None:
    """Gives TensorFlow as many threads as there are cores, where it has not started yet.

    It counts the machine's cores and not what a container may use of them; too many threads take turns and slow each
    other down. Operations run one after the other, each on all cores: small networks gain nothing from more.
    """
    with suppress(RuntimeError):  # TensorFlow has started: what it has stays
        tf.config.threading.set_intra_op_parallelism_threads(available_cores())
        tf.config.threading.set_inter_op_parallelism_threads(1)


def available_cores(quota: Path = _QUOTA) -> int:
    """Returns the cores this process may use: its affinity, and its container's quota (cgroup 2), at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if share == "max" else max(1, min(cores, math.ceil(int(share) / int(period))))
