"""Keeps the rows that cannot be used: none is dropped silently."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from stellwerk.components.ingestion.sources import Lines, Reject

EXAMPLES = 5


class Quarantine:
    """Writes rejected rows to a file of JSON lines, counts them by reason, and remembers the first few.

    Rows that parsed but do not fit are held back in a second file until their lines are known.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.by_reason: Counter[str] = Counter()
        self.rejects: list[Reject] = []
        self.held: list[tuple[int, Reject]] = []
        self._file = path.open("w", encoding="utf-8")
        self._held_file = (scratch / "held").open("w+", encoding="utf-8")

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held_file.close()
        self._file.close()

    def reset(self) -> None:
        """Forgets every row: the source is read again."""
        for file in (self._file, self._held_file):
            file.seek(0)
            file.truncate()
        self.by_reason.clear()
        self.rejects.clear()
        self.held.clear()

    def add(self, reject: Reject) -> None:
        """Writes one row."""
        self.by_reason[reject.reason] += 1
        if len(self.rejects) < EXAMPLES:
            self.rejects.append(reject)
        self._file.write(_encode(vars(reject)) + "\n")

    def hold(self, position: int, reject: Reject) -> None:
        """Writes row number `position` (from 0) of those that parsed, to be given its line by `release`."""
        self.by_reason[reject.reason] += 1
        if len(self.held) < EXAMPLES:
            self.held.append((position, reject))
        head = _encode({"source": reject.source, "file": reject.file})[:-1]
        self._held_file.write(f"{position}\t{head}\t{_encode({'reason': reject.reason, 'row': reject.row})[1:]}\n")

    def release(self, lines: Lines | None) -> None:
        """Writes the rows that were held, each with its line if that is known."""
        self._held_file.seek(0)
        for record in self._held_file:
            position, head, tail = record.split("\t", 2)
            line = "null" if lines is None else lines.of(int(position))
            self._file.write(f'{head}, "line": {line}, {tail}')
        self.rejects += [replace(reject, line=lines.of(row) if lines else None) for row, reject in self.held]
        self._held_file.seek(0)
        self._held_file.truncate()
        self.held.clear()

    @property
    def rows(self) -> int:
        """Number of rows, held ones too."""
        return self.by_reason.total()

    def summary(self) -> str:
        """Returns the counts by reason and the first rows, for a message."""
        counts = ", ".join(f"{reason} ({count:,})" for reason, count in self.by_reason.most_common(8))
        examples = "; ".join(_described(reject) for reject in self.rejects[:EXAMPLES])
        return f"Reasons: {counts}. First rows: {examples}."


def _described(reject: Reject) -> str:
    where = reject.file or reject.source
    where = f"{where}:{reject.line}" if reject.line else where
    row = reject.row if isinstance(reject.row, str) else _encode(reject.row)
    return f"{where}: {reject.reason}: {row if len(row) <= 160 else row[:157] + '...'}"


def _readable(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_readable).encode
