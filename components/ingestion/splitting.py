"""Deals rows to train, eval and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.ingestion.arrays import mask, nulls, values
from stellwerk.components.ingestion.columns import Column, select
from stellwerk.components.ingestion.engine import first_row, name
from stellwerk.components.ingestion.hashing import row_hashes
from stellwerk.errors import DataError
from stellwerk.section import SPLITS
from stellwerk.spec.data import AnySplit, ColumnSplit, HashSplit, TimeSplit

Deal = Callable[[pa.RecordBatch], np.ndarray[Any, Any]]
"""Takes a batch of Examples; returns for each row the position of its split in `SPLITS`, or -1 for none."""

UNDEALT = -1
BUCKETS = 1_000_000
MOST_STRATA = 1_000
BLOCKS = 16
"""Blocks of a value that are dealt at a time."""


def by_hash(split: HashSplit, every: Sequence[str] | None = None) -> Deal:
    """Deals by the hash of the key columns (without a key `every`, or all that there are), modulo 1,000,000, against the cumulated shares.

    Of media the digest counts, so that equal pictures have equal keys.

    With `stratify` each of its values has its share in every split, see `Stratified`.
    """
    if split.stratify is not None:
        return Stratified(split.stratify, split.shares)
    bounds = (np.cumsum(split.shares)[:2] * BUCKETS).round().astype(np.uint64)

    def deal(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        names = split.key or (batch.schema.names if every is None else every)
        columns = [batch.column(batch.schema.get_field_index(column)) for column in names]
        buckets = row_hashes(columns, batch.num_rows) % np.uint64(BUCKETS)
        return np.searchsorted(bounds, buckets, side="right").astype(np.int8)

    return deal


class Stratified:
    """Deals the rows of each value of a column in blocks, as they come: every block has the shares, in an order of its own.

    So a row is dealt the same however many come after it.
    """

    def __init__(self, column: str, shares: tuple[float, float, float]) -> None:
        self._column = column
        self._block = round(1 / min(shares)) * 2
        self._bounds = np.cumsum(shares)
        self._seen: dict[Any, int] = {}

    def __call__(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        """Returns the positions of the splits. Raises DataError for a column of many values."""
        encoded = pc.dictionary_encode(batch.column(batch.schema.get_field_index(self._column)), null_encoding="encode")
        codes = values(encoded.indices)
        dealt = np.zeros(batch.num_rows, np.int8)
        for code, value in enumerate(encoded.dictionary.to_pylist()):
            rows = np.flatnonzero(codes == code)
            begin = self._seen.get(value, 0)
            dealt[rows] = self._dealt(str(value), begin, begin + len(rows))
            self._seen[value] = begin + len(rows)
        if len(self._seen) > MOST_STRATA:
            raise DataError.of_key(
                "data.split.stratify",
                f"'{self._column}' has more than {MOST_STRATA:,} values; rows are stratified by few, e.g. "
                "the classes of the target. Use another column, or take stratify out.",
            )
        return dealt

    def _dealt(self, value: str, begin: int, end: int) -> np.ndarray[Any, Any]:
        """Returns the splits of the rows `begin` to `end` of a value."""
        rows = BLOCKS * self._block
        first, last = begin // rows, -(-end // rows)
        dealt = [self._blocks(value, number) for number in range(first, last)]
        together: np.ndarray[Any, Any] = np.concatenate([*dealt, np.zeros(0, np.int8)])
        return together[begin - first * rows : end - first * rows]

    def _blocks(self, value: str, number: int) -> np.ndarray[Any, Any]:
        """Returns the splits of `BLOCKS` blocks; what rounding takes from one block it gives to the next."""
        ends = np.arange(number * BLOCKS, (number + 1) * BLOCKS + 1)[:, None] * self._block * self._bounds[:2]
        eval_from, test_from = np.diff(np.round(ends), axis=0).T[:, :, None]
        order = np.random.default_rng([number, *value.encode()]).random((BLOCKS, self._block)).argsort(axis=1)
        dealt: np.ndarray[Any, Any] = ((order >= eval_from).astype(np.int8) + (order >= test_from)).ravel()
        return dealt


def by_time(split: TimeSplit, eval_from: float, test_from: float) -> Deal:
    """Deals by two moments: before the first is train, from the second on is test. The same time is never in two splits."""

    def deal(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        column = batch.column(batch.schema.get_field_index(split.column))
        scalars = [pa.scalar(moment, column.type) for moment in (eval_from, test_from)]
        later = [mask(pc.greater_equal(column, scalar)) for scalar in scalars]
        dealt = later[0].astype(np.int8) + later[1].astype(np.int8)
        dealt[nulls(column)] = UNDEALT
        return dealt

    return deal


def moments(split: TimeSplit) -> tuple[float, float] | None:
    """Returns the two moments that the spec gives, as seconds since 1970 UTC or in the column's own unit; None without."""
    if split.eval_from is None or split.test_from is None:
        return None
    return _seconds(split.eval_from), _seconds(split.test_from)


def _seconds(moment: datetime | float) -> float:
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return moment


def quantile_moments(
    connection: duckdb.DuckDBPyConnection, relation: str, split: TimeSplit, called: str
) -> tuple[float, float] | None:
    """Returns the first times at which the cumulated shares of train, and of train and eval, are reached.

    `relation` is a SELECT that can be read again, in which the column of the times is `called`. Counts per time, so that memory grows with the distinct times at most,
    and those spill to disk. None when a share is not reached.
    """
    column = name(called)
    first, second = split.train, split.train + split.eval
    row = first_row(
        connection,
        f"WITH counts AS (SELECT {column} AS moment, count(*) AS rows FROM ({relation}) "
        f"WHERE {column} IS NOT NULL AND NOT isnan(CAST({column} AS DOUBLE)) GROUP BY ALL), "
        "places AS (SELECT moment, sum(rows) OVER (ORDER BY moment) - rows AS before, sum(rows) OVER () AS total FROM counts) "
        "SELECT min(moment) FILTER (WHERE before >= total * CAST(? AS DOUBLE) - 1e-6), "
        "min(moment) FILTER (WHERE before >= total * CAST(? AS DOUBLE) - 1e-6) FROM places",
        [first, second],
    )
    return (row[0], row[1]) if row and row[0] is not None and row[1] is not None else None


def dealing(
    split: AnySplit, columns: Sequence[Column], connection: duckdb.DuckDBPyConnection, relation: str
) -> Deal | None:
    """Returns how a run would deal the rows of `relation`, if these were all; None where it would refuse to."""
    found = {column.name: column for column in columns}
    if not set(split.columns) <= found.keys():
        return None
    if isinstance(split, HashSplit):
        return by_hash(split, [column.name for column in columns if not column.fact])
    column = found[split.column]
    if isinstance(split, ColumnSplit):
        return by_column(split, column.kind)
    if not COLUMN_TYPES[column.kind].number:
        return None
    at = moments(split) or quantile_moments(connection, select(columns, relation), split, column.called)
    return None if at is None else by_time(split, *at)


def by_column(split: ColumnSplit, kind: str) -> Deal:
    """Deals by the values of a column of Examples type `kind`; other values belong nowhere."""
    places = {
        as_column_value(kind, value): place for place, known in enumerate(SPLITS) for value in split.values(known)
    }
    places.pop(None, None)

    def deal(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        column = batch.column(batch.schema.get_field_index(split.column))
        found = pc.index_in(column, value_set=pa.array(list(places), column.type))
        where = np.array([*places.values(), UNDEALT], np.int8)
        dealt: np.ndarray[Any, Any] = where[np.where(nulls(found), len(places), values(found))]
        return dealt

    return deal


def as_column_value(kind: str, value: str) -> str | int | float | bytes | None:
    """Returns what a text of the spec is in a column of Examples type `kind`; None when it cannot be in one."""
    try:
        return COLUMN_TYPES[kind].read(value)
    except ValueError:
        return None
