"""Whether this machine has an NVIDIA GPU, told without starting CUDA."""

from __future__ import annotations

from pathlib import Path

DEVICES = Path("/dev")


def has_nvidia_gpu(devices: Path = DEVICES) -> bool:
    """Says whether the driver shows this process a GPU: a container sees those it was given, Windows' Linux one for all.

    CUDA is not asked: a process that has started it cannot fork any more, and the steps of a local run are forks.
    """
    return any(devices.glob("nvidia[0-9]*")) or (devices / "dxg").exists()
