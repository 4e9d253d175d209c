"""What a run would set aside, and whether it would refuse the data for it: found without a run, in a look at some rows or all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.artifacts.examples import BATCH_ROWS
from stellwerk.components.ingestion import advice, engine
from stellwerk.components.ingestion.advice import remedies
from stellwerk.components.ingestion.arrays import chosen, nulls, where
from stellwerk.components.ingestion.columns import Column, Flaws, Normaliser, select, text_of
from stellwerk.components.ingestion.manifest import SourceRows
from stellwerk.components.ingestion.quarantine import MOST_TEXTS, Quarantine, set_aside
from stellwerk.components.ingestion.requirements import check_bad_rows
from stellwerk.components.ingestion.sources import Lines
from stellwerk.components.ingestion.splitting import UNDEALT, by_column, dealing
from stellwerk.errors import DataError
from stellwerk.section import SPLITS
from stellwerk.spec.data import ColumnSplit, Data, TimeSplit

MOST_CLASSES = 1_000
"""Fractions with more different values than that are not counted one by one."""


@dataclass
class Judged:
    """What is wrong with some rows."""

    rows: int = 0
    bad: int = 0
    """Rows that do not fit, without those that did not parse."""
    not_numbers: dict[str, list[str]] = field(default_factory=dict)
    """Some texts of each column that is wanted as a number and holds more of them than is allowed."""
    advice: dict[str, str] = field(default_factory=dict)
    """What to do about these."""
    refusal: DataError | None = None
    """What a run would say, if these were all rows."""
    note: str | None = None
    """Which rows will be set aside, where these are no more than is allowed."""
    targets: dict[str, Counter[Any]] = field(default_factory=dict)
    """How often each value of the target occurs in each split, if these were all rows."""
    share: float = 0.0
    """The largest share of bad rows, of a source or of the query's result."""


@dataclass(frozen=True)
class Judge:
    """Looks at rows as a run does."""

    connection: duckdb.DuckDBPyConnection
    data: Data
    target: str
    named: Container[str]
    """The columns that the spec names."""
    relation: str
    """The SELECT that gives the rows."""
    sources: Mapping[str, SourceRows]
    quarantine: Quarantine
    """Has what did not parse."""
    file: str | None
    """The only file, if the rows are those of one."""

    def __call__(self, columns: Iterable[Column], lines: Lines | None) -> Judged:
        """Returns what is wrong with the rows: first which columns are no numbers, and then the rest without these."""
        columns = list(columns)
        texts, rows, numbers = Counter[str](), 0, Counter[str]()
        strange: dict[str, list[str]] = {}
        for raw in self._batches([column for column in columns if column.from_text]):
            rows += raw.num_rows
            for column in columns:
                if column.from_text:
                    found = _texts_among_numbers(column, raw)
                    texts[column.name] += len(found)
                    numbers[column.name] += raw.num_rows - _column(raw, column.called).null_count
                    known = strange.setdefault(column.name, [])
                    known += [text for text in pc.unique(found).to_pylist()[:MOST_TEXTS] if text not in known]
        judged = Judged()
        for name, count in texts.items():
            if count > self.data.max_bad_share * rows:
                judged.not_numbers[name] = strange[name]
                judged.advice[name] = advice.numbers(name, strange[name], bool(numbers[name]), self.quarantine.words)
        self._judge(judged, [column for column in columns if column.name not in judged.not_numbers], lines)
        return judged

    def _batches(self, columns: list[Column]) -> Iterator[pa.RecordBatch]:
        if columns:
            yield from engine.batches(self.connection.sql(select(columns, self.relation)), BATCH_ROWS)

    def _judge(self, judged: Judged, columns: list[Column], lines: Lines | None) -> None:
        known = any(column.name == self.target for column in columns)
        deal = dealing(self.data.split, columns, self.connection, self.relation) if known else None
        judged.targets = {split: Counter() for split in SPLITS} if deal is not None else {}
        normaliser = Normaliser(columns, self.target, self.named)
        self.quarantine.hold_for("query" if self.data.query else next(iter(self.sources)), self.file)
        for raw in self._batches(columns):
            batch, flaws = normaliser(raw)
            self._deal(batch, flaws)
            if deal is not None:
                self._count(judged.targets, batch, np.where(flaws.bad, UNDEALT, deal(batch)))
            if flaws.bad.any():
                set_aside(raw, flaws, columns, self.quarantine, judged.rows)
                judged.bad += int(flaws.bad.sum())
            judged.rows += raw.num_rows
        self.quarantine.release(lines)
        self._refuse(judged)

    def _count(self, targets: dict[str, Counter[Any]], batch: pa.RecordBatch, dealt: np.ndarray[Any, Any]) -> None:
        """Counts the values of the target in the rows of each split."""
        for place, split in enumerate(SPLITS):
            values = _column(chosen(batch, dealt == place), self.target)
            if pa.types.is_floating(values.type) and len(targets[split]) > MOST_CLASSES:  # a quantity
                targets[split][None] += len(values)
                continue
            for value in pc.value_counts(values).to_pylist():
                targets[split][value["values"]] += value["counts"]

    def _deal(self, batch: pa.RecordBatch, flaws: Flaws) -> None:
        """Finds the rows that no split takes, as far as single rows tell."""
        split = self.data.split
        if not isinstance(split, (ColumnSplit, TimeSplit)) or split.column not in batch.schema.names:
            return
        column = batch.schema.field(split.column)
        if isinstance(split, TimeSplit):
            flaws.add(nulls(_column(batch, split.column)), f"{split.column}: the time is missing")
        elif pa.types.is_string(column.type) or pa.types.is_int64(column.type):
            dealt = by_column(split, "int64" if pa.types.is_int64(column.type) else "string")(batch)
            flaws.add(dealt == UNDEALT, f"{split.column}: a value that names no split")

    def _refuse(self, judged: Judged) -> None:
        counts = [(rows.rejected, rows.rows + rows.rejected) for rows in self.sources.values()]
        if self.data.query is None:
            counts = [(counts[0][0] + judged.bad, counts[0][1])]
        else:
            counts.append((judged.bad, judged.rows))
        judged.share = max(bad / rows if rows else 0.0 for bad, rows in counts)
        try:
            check_bad_rows(self.data, self.sources, judged, self.quarantine)
        except DataError as error:
            judged.refusal = error
        bad, rows = sum(bad for bad, _ in counts), max(rows for _, rows in counts)
        if bad and judged.refusal is None:
            where = "query" if self.data.query else next(iter(self.sources))
            told = f"{self.quarantine.summary()} {remedies(self.quarantine, self.data)}".rstrip()
            judged.note = f"{where}: {bad:,} of {rows:,} rows that were looked at will be set aside. {told}"


def _texts_among_numbers(column: Column, raw: pa.RecordBatch) -> pa.Array:
    texts = _column(raw, text_of(column.called))
    return where(texts, pc.and_(pc.is_null(_column(raw, column.called)), pc.is_valid(texts)))


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(batch.schema.get_field_index(name))
