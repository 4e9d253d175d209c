"""How far a bulk prediction is: one line that is kept up to date on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

EVERY_S, EVERY_LIVE_S = 10.0, 0.2

_CLEAR = "\r\033[K"


class Showing:
    """Writes to `stream`, or nothing where it is None."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._live = stream is not None and stream.isatty()
        self._begin = self._said = time.monotonic()
        self._first: tuple[int, float] | None = None

    def say(self, sentence: str) -> None:
        """Writes a line of its own."""
        if self._stream is not None:
            self._stream.write(f"{_CLEAR if self._live else ''}{sentence}\n")
            self._stream.flush()

    def progress(self, rows: int, share: float | None) -> None:
        """Says how many rows are done, and which share of the input (None: not known)."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._begin = (rows, share or 0.0), now
        if (
            self._stream is None
            or rows == self._first[0]
            or now - self._said < (EVERY_LIVE_S if self._live else EVERY_S)
        ):
            return
        self._said = now
        line = self._line(rows, share, now - self._begin)
        self._stream.write(f"{_CLEAR}{line}" if self._live else f"{line}\n")
        self._stream.flush()

    def _line(self, rows: int, share: float | None, seconds: float) -> str:
        before, share_before = self._first or (0, 0.0)
        line = f"{rows:,} rows, {(rows - before) / max(seconds, 1e-9):,.0f} rows/s"
        if share is not None and share > share_before:
            left = seconds * (1 - share) / (share - share_before)
            line += f", {share:.0%}, {_duration(left)} left"
        return line

    def end(self) -> None:
        """Clears the line."""
        if self._stream is not None and self._live:
            self._stream.write(_CLEAR)
            self._stream.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
