"""How many requests a server takes in a second."""

from __future__ import annotations

import threading
import time


class Rate:
    """A bucket of `burst` requests that fills with `per_second`; safe to use from several threads."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self.per_second = per_second
        self.burst = burst if burst is not None else max(per_second, 1.0)
        self._left = self.burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Takes one request from the bucket; False when it is empty."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self.burst, self._left + (now - self._at) * self.per_second)
            self._at = now
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True
