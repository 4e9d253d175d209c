"""Whether the target column can be learned."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stellwerk.components.artifacts.labels import class_called, find_classes, lost_in_32_bits
from stellwerk.components.ingestion.probing import Probe
from stellwerk.errors import DataError, did_you_mean
from stellwerk.loading.document import Keys
from stellwerk.pipelines.checking.values import counted
from stellwerk.spec import Spec
from stellwerk.spec.target import Target

Found = tuple[Keys, str]

COLUMN: Keys = ("target", "column")
MOST_VALUES = 10_001
SHOWN = 8
"""Classes that a message names."""


def check_class_weights(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields the names in `train.class_weights` that no class has, where all values of the target can be seen."""
    given, target = spec.train.class_weights, spec.target
    if not isinstance(given, Mapping):
        return
    names = _named(counted(seen, target.column))
    if any(class_called(name, sorted(names)) is None for name in given):
        everything = seen.values(target.column, MOST_VALUES)
        if not everything.complete:
            return
        names = _named(Counter(everything.found))
    classes = sorted(names)
    for name in given:
        if classes and class_called(name, classes) is None:
            shown = ", ".join(map(repr, classes[:SHOWN])) + (", ..." if len(classes) > SHOWN else "")
            message = (
                f"'{name}' is no class of column '{target.column}'.{did_you_mean(name, classes)} Classes: {shown}."
            )
            yield ("train", "class_weights", name), message


def check_target(target: Target, seen: Probe) -> Iterator[Found]:
    """Yields what is wrong with the target: no number, no class, one value only, too many, a positive that does not occur.

    The first rows are enough where they are not suspicious; otherwise all rows are looked at, where they can be.
    """
    values = counted(seen, target.column)
    if target.type == "regression":
        yield from _regression(target, values, seen)
        return
    positive = str(target.positive) if target.positive is not None else None
    if len(values) < 2 or (positive is not None and positive not in map(str, values)):
        everything = seen.values(target.column, MOST_VALUES)
        if not everything.complete:
            return
        values = Counter(everything.found)
    fraction = next((value for value in values if isinstance(value, float) and not value.is_integer()), None)
    if fraction is not None:
        message = f"'{target.column}' holds fractions such as {fraction:g}, which are quantities and no classes"
        yield ("target", "type"), f"{message}. Use type: regression."
    elif len(values) < 2:
        yield COLUMN, _constant(target, tuple(values))
    else:
        yield from _classes(target, values)


def _regression(target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:
    column = target.column
    if column in seen.not_numbers:
        message = f"is regression, but '{column}' holds texts such as '{seen.not_numbers[column][:40]}'"
        advice = seen.advice.get(column, "Use type: multiclass, or convert it with CAST in data.query.")
        yield ("target", "type"), f"{message}. {advice}"
    elif len(values) < 2:
        everything = seen.values(column, 2)
        if everything.complete and len(everything.found) < 2:
            yield COLUMN, _constant(target, everything.found)
    else:
        numbers = [float(value) for value in values.elements()]
        lost = lost_in_32_bits(column, min(numbers), max(numbers), statistics.pstdev(numbers))
        if lost is not None:
            yield COLUMN, f"{lost}."


def _classes(target: Target, values: Mapping[Any, int]) -> Iterator[Found]:
    try:
        find_classes(_named(values), target)
    except DataError as error:
        yield (error.key if error.key == ("target", "positive") else ("target", "type")), error.said


def _named(values: Mapping[Any, int]) -> Counter[str]:
    """Returns how often each class occurs, by the name that it will have."""
    names: Counter[str] = Counter()
    for value, count in values.items():
        names[str(int(value)) if isinstance(value, float) else str(value)] += count
    return names


def _constant(target: Target, found: tuple[Any, ...]) -> str:
    what = f"is {found[0]!r} in every row" if found else "has no value in any row"
    return f"'{target.column}' {what}, so there is nothing to learn. Check the column, and the filters of data.query."
