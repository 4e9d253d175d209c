"""A log that clients cannot fill: of one message so many lines a minute, then how many more there were."""

from __future__ import annotations

import logging
import threading
import time

_MOST_LINES = 5
_MINUTE_S = 60.0
_MOST_MESSAGES = 256


class LogLimit(logging.Filter):
    """Lets `most` lines of one message through in `seconds`; the first one after them says how many were left out."""

    def __init__(self, most: int = _MOST_LINES, seconds: float = _MINUTE_S) -> None:
        super().__init__()
        self._most, self._seconds = most, seconds
        self._seen: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Says whether a line is written."""
        now, key = time.monotonic(), str(record.msg)
        with self._lock:
            began, lines = self._seen.get(key, (now, 0))
            if now - began > self._seconds:
                if lines > self._most:
                    record.msg = f"{record.msg} ({lines - self._most} more like it in the {self._seconds:g} s before)"
                began, lines = now, 0
            elif key not in self._seen and len(self._seen) >= _MOST_MESSAGES:
                self._seen.clear()
            self._seen[key] = began, lines + 1
            return lines < self._most
