"""How a step in a container tells the engine outside what it does: lines of JSON in a file that both see.

An engine that watches names the file in $STELLWERK_EVENTS; where nobody does, as on a cluster, nothing is told.

    {"progress": [done, total, unit]} | {"done": {"peak_memory": bytes, "cpu_seconds": s}} | {"error": {"type", "message"}}

Whoever is told how a step ends also hears (`heard`) why a process is ended from within, which no exception says.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from stellwerk.errors import StellwerkError, sentence
from stellwerk.progress import Progress

EVENTS = "STELLWERK_EVENTS"
PROGRESS_SECONDS = 0.2

_HEARING: list[Callable[[StellwerkError], None]] = []
"""Who is told before a process is ended, the outermost first."""


@contextmanager
def heard(hear: Callable[[StellwerkError], None]) -> Iterator[None]:
    """While the block runs, `hear` is told of an error that ends the process at once, from whichever thread."""
    _HEARING.append(hear)
    try:
        yield
    finally:
        _HEARING.remove(hear)


def end_process(error: StellwerkError) -> NoReturn:
    """Ends this process where no exception would: tells everybody who hears, then the log, in the line that ends a traceback."""
    for hear in reversed(_HEARING):
        with suppress(Exception):
            hear(error)
    with suppress(OSError):
        os.write(2, f"{type(error).__module__}.{type(error).__name__}: {error}\n".encode())
    os._exit(1)


@contextmanager
def told() -> Iterator[Progress | None]:
    """Tells the engine outside how the block ends, and gives what tells it how far a step is; None where nobody listens."""
    file = os.environ.get(EVENTS)
    if not file:
        yield None
        return
    events = _Events(Path(file))

    def failed(error: StellwerkError) -> None:
        events.tell({"error": {"type": type(error).__name__, "message": str(error)}})

    try:
        with heard(failed):
            yield events.progress
    except StellwerkError as error:
        failed(error)
        raise
    except BaseException as error:
        events.tell({"error": {"type": None, "message": sentence(error)}})
        raise
    used = resource.getrusage(resource.RUSAGE_SELF)
    events.flush()
    events.tell({"done": {"peak_memory": used.ru_maxrss * 1024, "cpu_seconds": used.ru_utime + used.ru_stime}})


class _Events:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = 0.0
        self._pending: list[Any] | None = None

    def tell(self, event: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")

    def progress(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        self._pending = [done, total, unit]
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Tells the progress that was held back."""
        if self._pending is not None:
            self.tell({"progress": self._pending})
            self._last, self._pending = time.monotonic(), None
