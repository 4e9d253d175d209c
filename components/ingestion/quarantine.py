"""Keeps the rows that cannot be used: none is dropped silently."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from stellwerk.components.ingestion.sources import Reject

EXAMPLES = 5


class Quarantine:
    """Writes rejected rows to a file of JSON lines, counts them by reason, and remembers the first few."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.by_reason: Counter[str] = Counter()
        self.examples: list[Reject] = []
        self._file = path.open("w", encoding="utf-8")

    def reset(self) -> None:
        """Forgets every row: the source is read again."""
        self._file.seek(0)
        self._file.truncate()
        self.by_reason.clear()
        self.examples.clear()

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, reject: Reject) -> None:
        """Writes one row."""
        self.by_reason[reject.reason] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(reject)
        self._file.write(json.dumps(asdict(reject), ensure_ascii=False, default=_readable) + "\n")

    @property
    def rows(self) -> int:
        """Number of rows written."""
        return sum(self.by_reason.values())

    def summary(self) -> str:
        """Returns the counts by reason and the first rows, for a message."""
        counts = ", ".join(f"{reason} ({count:,})" for reason, count in self.by_reason.most_common(8))
        examples = "; ".join(_described(reject) for reject in self.examples)
        return f"Reasons: {counts}. First rows: {examples}."


def _described(reject: Reject) -> str:
    where = reject.file or reject.source
    where = f"{where}:{reject.line}" if reject.line else where
    row = reject.row if isinstance(reject.row, str) else json.dumps(reject.row, ensure_ascii=False, default=_readable)
    return f"{where}: {reject.reason}: {row if len(row) <= 160 else row[:157] + '...'}"


def _readable(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
