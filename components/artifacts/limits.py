"""How long a user's own code may take, wherever it runs: a call of it that is late is ended, and where that does not help, the step is.

When the limit is over, HookError is raised in the main thread, whatever that waits for. Code that catches it, or runs in another
thread, has `GRACE` seconds more; then the process tells the same sentence to whoever listens, and ends. Only native code that never
gives the interpreter back to other threads is not reached.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from stellwerk.components.step_events import end_process
from stellwerk.errors import HookError
from stellwerk.spec.hooks import HOOK_SECONDS

LIMIT = "STELLWERK_HOOK_TIMEOUT_SECONDS"
"""Variable of a step's environment: `hooks.timeout_seconds` of the spec, where that says another number."""
GRACE = 5.0
"""Seconds that late code has to come to its end after it was told, before its process is ended."""
MODULE = "_stellwerk_hook_"
"""What the names of the modules begin with that hook files become."""
_TICKS = 20
"""So often a call of a hook is looked at within the time that it has."""


@contextmanager
def limited(what: str) -> Iterator[None]:
    """Ends the block, which runs somebody's own code, after `hooks.timeout_seconds`, or else the process `GRACE` later.

    Raises HookError where it takes longer, also where the code keeps that to itself; `what` begins its message.
    """
    seconds = _seconds()
    until = time.monotonic() + seconds
    with _Watch(lambda: (max(until - time.monotonic(), 0.0), what), seconds):
        yield


@contextmanager
def calls_limited(step: str) -> Iterator[None]:
    """Does what `limited` does for every single call of a hook that something in the block makes, in whichever thread.

    So the block itself may take as long as its rows need. `step` begins the message, which names file and function.
    """
    seconds = _seconds()
    seen: dict[int, tuple[FrameType, float]] = {}
    """The call that a thread is in, and since when."""

    def look() -> tuple[float, str]:
        now, calls = time.monotonic(), _calls()
        for thread in [thread for thread in seen if thread not in calls]:
            del seen[thread]
        for thread, frame in calls.items():
            before = seen.get(thread)
            if before is None or before[0] is not frame:
                seen[thread] = frame, now
            elif now - before[1] >= seconds:
                file = frame.f_globals.get("__file__") or frame.f_code.co_filename
                name = frame.f_code.co_name.removeprefix("tf__")  # what AutoGraph makes of a function
                return 0.0, f"{step}: {file}: {name}"
        return seconds / _TICKS, ""

    with _Watch(look, seconds, goes_on=lambda: bool(_calls())):
        yield


def _seconds() -> int:
    return int(os.environ.get(LIMIT) or HOOK_SECONDS)


def _calls() -> dict[int, FrameType]:
    """Returns the outermost frame of a hook file in each thread that is in one."""
    found = {}
    frames: dict[int, FrameType] = sys._current_frames()
    for thread, innermost in frames.items():
        frame: FrameType | None = innermost
        while frame is not None:
            if str(frame.f_globals.get("__name__", "")).startswith(MODULE):
                found[thread] = frame
            frame = frame.f_back
    return found


class _Watch:
    """A thread beside a block that may have to be ended.

    `look` says in how many seconds to look again, 0 for now too late, and what is late. `goes_on` says whether anything of it still
    runs when the block has been ended: then the process ends too, unless it comes to that by itself.
    """

    def __init__(
        self, look: Callable[[], tuple[float, str]], seconds: int, goes_on: Callable[[], bool] = lambda: False
    ) -> None:
        self._look, self._seconds, self._goes_on = look, seconds, goes_on
        self._over = threading.Event()
        self._late: HookError | None = None
        self._inside = True
        self._interrupts = threading.current_thread() is threading.main_thread()
        self._interrupted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hooks.timeout_seconds", daemon=True)

    def __enter__(self) -> None:
        if self._interrupts:
            self._before: Any = signal.signal(signal.SIGALRM, self._alarm)
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._inside = False
        if self._late is None or not self._goes_on():
            self._over.set()
            self._thread.join()
        if self._interrupts:
            if self._late is not None and signal.getsignal(signal.SIGALRM) == self._alarm:
                self._interrupted.wait(1)  # a signal that is on its way would find nobody else to take it
            signal.signal(signal.SIGALRM, self._before)
        if self._late is not None and not (kind and issubclass(kind, KeyboardInterrupt)):
            raise self._late from None

    def _run(self) -> None:
        left, what = self._look()
        while left > 0:
            if self._over.wait(left):
                return
            left, what = self._look()
        self._late = HookError(
            f"{what} has not ended after {self._seconds} s. Mend it, or raise hooks.timeout_seconds."
        )
        if self._interrupts:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
        if not self._over.wait(GRACE) and (self._inside or self._goes_on()):
            end_process(self._late)

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        """Takes the signal in the main thread; one that somebody else's timer sends goes where it went before."""
        if self._late is None or self._interrupted.is_set():
            if callable(self._before):
                self._before(number, frame)
            return
        self._interrupted.set()
        if self._inside and (frame is None or frame.f_code is not _Watch.__exit__.__code__):
            raise self._late
