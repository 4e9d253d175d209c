"""Keeps the rows that cannot be used: none is dropped silently."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.ingestion.arrays import chosen, where
from stellwerk.components.ingestion.columns import Column, Flaws
from stellwerk.components.ingestion.encoding import encode, json_rows
from stellwerk.components.ingestion.sources import Lines, Reject
from stellwerk.tables.lists import is_list

EXAMPLES = 5
MOST_TEXTS = 20


class Quarantine:
    """Writes rejected rows to a file of JSON lines, counts them by reason, and remembers the first few.

    Rows that parsed but do not fit are held back in a second file until their lines are known.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.by_reason: Counter[str] = Counter()
        self.rejects: list[Reject] = []
        self.strange: dict[str, list[str]] = {}
        """Some texts of each column that are no numbers, or whatever else is wanted there."""
        self.look_for_words: dict[str, Callable[[], dict[str, set[str]]]] = {}
        """Of each source, what finds the texts in it that mean missing; only a message needs them."""
        self._held: list[tuple[int, str, str]] = []
        self._head = encode({"source": None, "file": None})[:-1]
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
        self.strange.clear()
        self._held.clear()

    def add(self, reject: Reject) -> None:
        """Writes one row."""
        self.by_reason[reject.reason] += 1
        if len(self.rejects) < EXAMPLES:
            self.rejects.append(reject)
        self._file.write(encode(vars(reject)) + "\n")

    def note_texts(self, column: str, texts: Iterable[str]) -> None:
        """Remembers texts that are not what a column holds, a few of each column."""
        known = self.strange.setdefault(column, [])
        known += [text for text in dict.fromkeys(texts) if text not in known][: MOST_TEXTS - len(known)]

    def hold_for(self, source: str, file: str | None) -> None:
        """Says where the rows to be held come from."""
        self._head = encode({"source": source, "file": file})[:-1]

    def hold(self, positions: Sequence[int], reasons: Sequence[str], rows: Sequence[str]) -> None:
        """Writes rows as JSON, to be given their lines by `release`; `positions` count the rows that parsed, from 0."""
        self.by_reason.update(reasons)
        wanted = EXAMPLES - len(self._held)
        if wanted > 0:
            self._held += list(zip(positions, reasons, rows, strict=True))[:wanted]
        encoded = {reason: encode(reason) for reason in set(reasons)}
        self._held_file.writelines(
            f"{position}\t{encoded[reason]}\t{row}\n"
            for position, reason, row in zip(positions, reasons, rows, strict=True)
        )

    @property
    def holds(self) -> bool:
        """Whether there are rows to be released."""
        return bool(self._held)

    def release(self, lines: Lines | None) -> None:
        """Writes the rows that were held, each with its line if that is known."""
        self._held_file.seek(0)
        for record in self._held_file:
            position, reason, row = record.split("\t", 2)
            line = "null" if lines is None else lines.of(int(position))
            self._file.write(f'{self._head}, "line": {line}, "reason": {reason}, "row": {row[:-1]}}}\n')
        origin = json.loads(self._head + "}")
        for held, why, content in self._held:
            place = None if lines is None else lines.of(held)
            self.rejects.append(Reject(origin["source"], origin["file"], place, why, json.loads(content)))
        self._held_file.seek(0)
        self._held_file.truncate()
        self._held.clear()

    @cached_property
    def words_of(self) -> dict[str, set[str]]:
        """The texts of each column that mean missing, as far as a look at the first rows shows."""
        return {column: words for look in self.look_for_words.values() for column, words in look().items()}

    @property
    def words(self) -> set[str]:
        """Texts of the data that mean missing."""
        return {word for words in self.words_of.values() for word in words}

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
    row = reject.row if isinstance(reject.row, str) else encode(reject.row)
    return f"{where}: {reject.reason}: {row if len(row) <= 160 else row[:157] + '...'}"


def set_aside(
    raw: pa.RecordBatch, flaws: Flaws, columns: Sequence[Column], quarantine: Quarantine, before: int
) -> None:
    """Holds the rows of a batch of `select` that have a flaw; `before` counts the rows before the batch."""
    rows = chosen(raw, flaws.bad)
    texts = iter(rows.columns[len(columns) :])
    held = []
    for column, values in zip(columns, rows.columns, strict=False):
        held.append(next(texts) if column.from_text else values)
        if is_list(values.type):
            held[-1] = _as_texts(values, held[-1])
        elif column.from_text:
            strange = pc.and_(pc.is_null(values), pc.is_valid(held[-1]))
            quarantine.note_texts(column.name, where(held[-1], strange).to_pylist() if pc.any(strange).as_py() else ())
    encoded = json_rows([column.name for column in columns], held)
    places = np.flatnonzero(flaws.bad)
    quarantine.hold((before + places).tolist(), [flaws.reason(place) for place in places], encoded)


def _as_texts(lists: pa.Array, others: pa.Array) -> pa.Array:
    """Returns lists as they are written, and of those that are none what `others` has in their place."""
    pairs = zip(lists.to_pylist(), others.to_pylist(), strict=True)
    return pa.array([other if one is None else str(one) for one, other in pairs], pa.string())
