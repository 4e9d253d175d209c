"""Whether the target column can be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.artifacts.labels import class_names, find_classes
from stellwerk.components.ingestion.probing import Probe
from stellwerk.errors import DataError
from stellwerk.loading.document import Keys
from stellwerk.spec.target import Target

COLUMN: Keys = ("target", "column")
MOST_VALUES = 10_001


def check_target(target: Target, seen: Probe) -> Iterator[tuple[Keys, str]]:
    """Yields what is wrong with the target: no number, no class, one value only, too many, a positive that does not occur."""
    column = target.column
    if target.type == "regression":
        if column in seen.not_numbers or seen.columns[column] == "binary":
            text = f" such as '{seen.not_numbers[column][:40]}'" if column in seen.not_numbers else ""
            yield COLUMN, f"a regression target is a number, but '{column}' holds texts{text}. Use type: multiclass."
        elif len(_values(seen, column, 2)) < 2:
            yield from _constant(target, seen)
        return
    if seen.sample is None:
        return
    try:
        names = _names(seen.sample[column])
        if len(names) < 2 or (target.positive is not None and str(target.positive) not in names):
            everything = seen.values(column, MOST_VALUES)
            if not everything.complete:
                return
            names = _names(pa.chunked_array([pa.array(everything.found, seen.sample[column].type)]))
        if len(names) < 2:
            yield from _constant(target, seen)
        else:
            find_classes(names, target)
    except DataError as error:
        yield _placed(str(error), column)


def _names(column: pa.ChunkedArray) -> Counter[str]:
    counted = pc.value_counts(class_names(column.combine_chunks().drop_null()))
    return Counter({each["values"].as_py(): each["counts"].as_py() for each in counted})


def _values(seen: Probe, column: str, enough: int) -> tuple[object, ...]:
    """Returns different values of a column, at least `enough` where there are so many; all of them in doubt."""
    known = pc.unique(seen.sample[column]).drop_null() if seen.sample is not None else ()
    return tuple(known) if len(known) >= enough else seen.values(column, enough).found


def _constant(target: Target, seen: Probe) -> Iterator[tuple[Keys, str]]:
    values = seen.values(target.column, 2)
    if values.complete and len(values.found) < 2:
        what = f"is {values.found[0]!r} in every row" if values.found else "has no value in any row"
        yield (
            COLUMN,
            f"'{target.column}' {what}, so there is nothing to learn. Check the column, and the filters of data.query.",
        )


def _placed(message: str, column: str) -> tuple[Keys, str]:
    """Returns where a complaint about the classes belongs, and the complaint."""
    begin, _, rest = message.partition(": ")
    if begin == "target.positive":
        return ("target", "positive"), rest
    if begin == "target":
        return ("target", "type"), rest
    return COLUMN, f"'{column}': {message}. Use type: regression."
