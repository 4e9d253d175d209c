"""Becomes another program that ends when this one's parent does: a rehearsed server never outlives its step.

python -m stellwerk.components.rehearsal.launching PARENT PROGRAM [ARGUMENT ...]

A step may be killed without a chance to stop what it started, so the kernel is asked to: the wish is inherited by the
program that this process becomes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_SET_PARENT_DEATH_SIGNAL = 1


def command(program: Sequence[str]) -> list[str]:
    """Returns the command that starts `program` as a child of this process and lets it live no longer."""
    return [sys.executable, "-m", __name__, str(os.getpid()), *program]


def become(parent: int, program: Sequence[str]) -> None:
    """Makes this process the program, and lets it die with the process `parent` (Linux; elsewhere the step stops it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the wish was made
            os._exit(1)
    os.execvp(program[0], list(program))  # noqa: S606 - chosen by candidate.py, no shell


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
