"""Asks again what a server cannot answer now: with growing pauses, and not for ever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from stellwerk.errors import ModelError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
AT_FIRST_S = 5.0
"""How long the first contact is tried: a wrong address is told soon."""

T = TypeVar("T")


class Unavailable(Exception):
    """The server cannot answer now; it may later."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds that the server itself asks to wait."""


class Retrying:
    """Calls until there is an answer. Safe to use from several threads."""

    def __init__(self, where: str, patience: float, say: Callable[[str], None]) -> None:
        self._where = where
        self._patience = patience
        self._say = say
        self._ended = threading.Event()
        self._told = threading.Event()

    def end(self) -> None:
        """Makes calls that wait give up."""
        self._ended.set()

    def __call__(self, ask: Callable[[], T], patience: float | None = None) -> T:
        """Returns what `ask` returns; raises ModelError when it raises `Unavailable` for longer than `patience`."""
        patience = self._patience if patience is None else min(patience, self._patience)
        begin, pause = time.monotonic(), FIRST_PAUSE_S
        while True:
            try:
                answer = ask()
            except Unavailable as unavailable:
                left = patience - (time.monotonic() - begin)
                if left <= 0 or self._ended.is_set():
                    raise ModelError(
                        f"{self._where}: no answer for {patience:g} s: {unavailable}. When the server is there, run the "
                        "same command (again): it continues behind the parts that are finished."
                    ) from None
                if not self._told.is_set():
                    self._told.set()
                    self._say(f"{self._where}: {unavailable}; trying again for up to {patience:g} s")
                self._ended.wait(min(max(left, 0.01), max(unavailable.wait, pause * random.uniform(0.5, 1.0))))  # noqa: S311
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self._told.clear()
                return answer
