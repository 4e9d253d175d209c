"""Which columns say nothing of what other splits may hold, because they follow from what deals the rows.

A period is another one in each part of a time split, a machine's model comes with the machine that is the key. Their values in the
train split are no list of those that are right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import DIGEST
from stellwerk.components.artifacts.examples import Examples

ROWS = 1_000_000
"""Rows of the train split that are looked at."""

OVERLAP = 1.5
"""Periods that lie beside each other cover the whole time once; some overlap, as a week of two months does."""


def open_columns(examples: Examples, candidates: Collection[str]) -> set[str]:
    """Returns those of the columns `candidates` that are the split's own, or follow from these.

    Looks at the first rows of the train split, and only where there is something to look for.
    """
    split = examples.manifest.get("split") or {}
    named = [column for column in (split.get("key") or [split.get("column")]) if column in examples.columns]
    own = {column for column in candidates if column in named}
    keys = [_dealt_by(column, examples) for column in named]
    asked = sorted(set(candidates) - own - set(keys))
    if not keys or not asked:
        return own
    rows = pa.Table.from_batches(list(_rows(examples, [*keys, *asked])))
    follows = _is_a_period if split.get("by") == "time" else _comes_with
    return own | {column for column in asked if follows(rows, keys, column)}


def _dealt_by(column: str, examples: Examples) -> str:
    """Returns the column that stands for a key: of media the digest, so that no picture is held."""
    digest = f"{column}.{DIGEST}"
    return digest if column in examples.manifest.get("media", {}) and digest in examples.columns else column


def _rows(examples: Examples, columns: list[str]) -> Iterator[pa.RecordBatch]:
    left = ROWS
    for batch in examples.batches("train", columns):
        yield batch.slice(0, left)
        left -= batch.num_rows
        if left <= 0:
            return


def _comes_with(rows: pa.Table, keys: list[str], column: str) -> bool:
    """Tells whether each key has one value of the column, and that is more than chance: keys that come once tell nothing."""
    known = rows.filter(pc.is_valid(rows[column]))
    of_keys = known.select(keys).group_by(keys).aggregate([]).num_rows
    together = known.group_by([*keys, column]).aggregate([]).num_rows
    return bool(1 < of_keys <= known.num_rows / 2 and together == of_keys)


def _is_a_period(rows: pa.Table, keys: list[str], column: str) -> bool:
    """Tells whether the values of the column follow each other in time: the times of each lie beside those of the others."""
    (time,) = keys
    known = rows.filter(pc.and_(pc.is_valid(rows[column]), pc.is_valid(rows[time])))
    spans = known.group_by(column).aggregate([(time, "min"), (time, "max")])
    if spans.num_rows < 2:
        return False
    whole = pc.subtract(pc.max(known[time]), pc.min(known[time])).as_py()
    covered = pc.sum(pc.subtract(spans[f"{time}_max"], spans[f"{time}_min"])).as_py()
    return bool(covered <= OVERLAP * whole)
