"""Exact counts of the examples behind an anomaly: one more pass over the column concerned, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.artifacts.examples import Examples

Predicate = Callable[[pa.Array], pa.Array]
"""Says of each value whether it is meant; null where the value is missing."""


def count(examples: Examples, split: str, column: str, predicate: Predicate) -> int:
    """Returns how many values of `column` the predicate holds of."""
    return sum(pc.sum(predicate(batch.column(0))).as_py() or 0 for batch in examples.batches(split, columns=[column]))


def not_among(values: Collection[str]) -> Predicate:
    """Holds of texts and whole numbers that are none of `values`."""
    known = pa.array(sorted(values), pa.binary())

    def predicate(column: pa.Array) -> pa.Array:
        texts = column if pa.types.is_binary(column.type) else column.cast(pa.string()).cast(pa.binary())
        return pc.and_(pc.invert(pc.is_in(texts, value_set=known)), pc.is_valid(texts))

    return predicate


def above(limit: float) -> Predicate:
    """Holds of numbers greater than `limit`."""
    return lambda column: pc.greater(column, pa.scalar(limit, column.type))


def below(limit: float) -> Predicate:
    """Holds of numbers less than `limit`."""
    return lambda column: pc.less(column, pa.scalar(limit, column.type))


def is_nan(column: pa.Array) -> pa.Array:
    """Holds of NaN."""
    return pc.is_nan(column)


def is_infinite(column: pa.Array) -> pa.Array:
    """Holds of both infinities."""
    return pc.is_inf(column)
