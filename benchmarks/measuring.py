"""Runs a command and measures it: wall time, CPU time, and the peak memory of its whole process tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

EXAMPLE = Path(__file__).parent.parent / "examples" / "flight-delays"
STELLWERK = [sys.executable, "-m", "stellwerk"]
SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Measured:
    """What one run of a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time, children included."""
    memory: tuple[tuple[float, int], ...]
    """Samples: time (seconds since 1970), sum of proportional set sizes over the process tree (bytes, shared pages once)."""
    stdout: str

    @property
    def peak_pss(self) -> int:
        """Largest memory of the process tree, bytes."""
        return max((memory for _, memory in self.memory), default=0)

    def peak_between(self, began: float, ended: float) -> int:
        """Largest memory of the process tree between two moments, bytes."""
        return max((memory for moment, memory in self.memory if began <= moment <= ended), default=0)


def measure(command: list[str], cwd: Path, environment: Mapping[str, str] | None = None) -> Measured:
    """Runs `command` in the folder `cwd` and measures it. Raises RuntimeError with its stderr when it fails."""
    before = _children_cpu()
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment() | dict(environment or {}),
    )
    sampler = _Sampler(process.pid)
    sampler.start()
    stdout, stderr = process.communicate()
    wall = time.monotonic() - began
    sampler.stop()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{stderr[-4000:]}")
    return Measured(wall, _children_cpu() - before, tuple(sampler.samples), stdout)


def _environment() -> dict[str, str]:
    """Returns the environment, without the word that keeps Python from using its own bytecode as an installed package does."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _children_cpu() -> float:
    times = psutil.Process().cpu_times()
    return times.children_user + times.children_system


def pss(pid: int) -> int:
    """Returns the proportional set size of a process, bytes; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


class _Sampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._stopped = threading.Event()
        self.samples: list[tuple[float, int]] = []

    def run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.samples.append((time.time(), sum(pss(process.pid) for process in tree)))

    def stop(self) -> None:
        self._stopped.set()
        self.join()
