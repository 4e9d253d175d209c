"""A target whose values are names: what tasks with classes have in common. Arrow and NumPy, no framework.

Steps must agree on which class a raw value is: transform writes it into the graph, evaluate compares predictions with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import COLUMN_TYPES, FALSE_WORDS, TRUE_WORDS
from stellwerk.errors import DataError
from stellwerk.tasks import named_where
from stellwerk.tasks.parts import Anomaly, Found, Train

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target

COLUMN = ("target", "column")
MOST_VALUES = 10_001
"""So many different values are looked at where the first rows do not tell."""

Finding = Callable[[Counter[str], "Target"], list[str]]
"""Returns the classes in the order of their ids from how often each name occurs. Raises DataError, with its key of the spec."""


class ClassAnswers:
    """Which classes the target's column has, and how often."""

    def __init__(self, target: Target, find: Finding) -> None:
        self._target, self._find = target, find
        self._counts: Counter[str] = Counter()

    def add(self, column: pa.Array) -> None:
        """Takes a batch. Raises DataError for fractions."""
        try:
            found = pc.value_counts(class_names(column))
        except DataError as error:
            target = self._target
            raise DataError(f"target: column '{target.column}' cannot be {target.type}: {error}.") from None
        self._counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))

    def merge(self, other: ClassAnswers) -> None:
        """Takes what `other` has seen."""
        self._counts.update(other._counts)

    def as_json(self) -> list[Any]:
        """Returns classes with how often they occur."""
        return list(self._counts.items())

    def restore(self, found: list[Any]) -> None:
        """Takes classes with how often they occur."""
        self._counts = Counter(dict(found))

    def classes(self) -> list[str]:
        """Returns the classes in the order of their ids. Raises DataError for a target that is constant, or of too many values."""
        return self._find(self._counts, self._target)


def class_names(column: pa.Array) -> pa.Array:
    """Returns the name of each row's class: strings as they are, whole numbers in decimals. Null stays null.

    Floats that are all whole count as whole numbers; others raise DataError, they are quantities and no classes.
    """
    if pa.types.is_floating(column.type):
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            raise DataError("it holds fractions, which are quantities and no classes") from None
    return column.cast(pa.string())


def several(counts: Counter[str], target: Target) -> list[str]:
    """Returns the names, sorted. Raises DataError where there is but one."""
    names = sorted(counts, key=_order)
    if len(names) < 2:
        found = ", ".join(names) or "none"
        raise DataError.of_key("target", says(target, f"has only one value ({found}): there is nothing to learn"))
    return names


def numbered(names: pa.Array, classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """Returns the place of each name among the classes, int64; -1 for what is missing or none of them."""
    return np.asarray(pc.index_in(names, value_set=pa.array(list(classes))).cast(pa.int64()).fill_null(-1))


def lists_refused(target: Target, column_type: str) -> str | None:
    """Returns why a column of lists is no target of single values; None for any other."""
    if not COLUMN_TYPES[column_type].length:
        return None
    types = named_where(lambda task: task.many)
    return f"column '{target.column}' holds a list in each row, but a {target.type} needs one value. Use type: {types}, or another column."


def is_words(classes: Sequence[str]) -> bool:
    """Whether two classes are a pair like yes/no, so that case, blanks and the word chosen do not matter."""
    return len(classes) == 2 and all(map(is_word, classes)) and is_true(classes[0]) != is_true(classes[1])


def class_called(name: str, classes: Sequence[str]) -> str | None:
    """Returns the class that a person means by `name`: its own name or, of two that `is_words`, any word for the same."""
    if name in classes or not (is_words(classes) and is_word(name)):
        return name if name in classes else None
    return next(each for each in classes if is_true(each) == is_true(name))


def word_sides(classes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the words, in lower case, that mean the negative and the positive of two classes that `is_words`."""
    return (FALSE_WORDS, TRUE_WORDS) if is_true(classes[1]) else (TRUE_WORDS, FALSE_WORDS)


def is_word(name: str) -> bool:
    """Whether a name is one of the words for true and false."""
    return name.strip().lower() in TRUE_WORDS + FALSE_WORDS


def is_true(name: str) -> bool:
    """Whether a name is one of the words for true."""
    return name.strip().lower() in TRUE_WORDS


def says(target: Target, what: str) -> str:
    """Returns a sentence about the target's column."""
    return f"column '{target.column}' {what}."


def shares(given: Any) -> np.ndarray[Any, Any]:
    """Returns the probability of every class, of an answer that has one for each, or only that of the second of two."""
    return np.array([1 - given[0], given[0]]) if len(given) == 1 else np.asarray(given)


def said(label: Any, given: Any, classes: Sequence[str]) -> dict[str, Any]:
    """Returns the true class, the most probable, and its probability."""
    probabilities = shares(given)
    best = int(np.argmax(probabilities))
    return {"actual": classes[int(label)], "predicted": classes[best], "certainty": float(probabilities[best])}


def named(values: Mapping[Any, int]) -> Counter[str]:
    """Returns how often each class occurs, by the name that it will have."""
    names: Counter[str] = Counter()
    for value, count in values.items():
        names[str(int(value)) if isinstance(value, float) else str(value)] += count
    return names


def without_variety(target: Target, found: tuple[Any, ...]) -> str:
    """Returns the sentence about a target that has one value, or none."""
    what = f"is {found[0]!r} in every row" if found else "has no value in any row"
    return f"'{target.column}' {what}, so there is nothing to learn. Check the column, and the filters of data.query."


def problems(target: Target, values: Counter[Any], seen: Probe, find: Finding) -> Iterator[Found]:
    """Yields what `stellwerk check` finds: fractions, one value only, and what `find` refuses.

    The first rows are enough where they are not suspicious; otherwise all rows are looked at, where they can be.
    """
    positive = str(target.positive) if target.positive is not None else None
    if len(values) < 2 or (positive is not None and positive not in map(str, values)):
        everything = seen.values(target.column, MOST_VALUES)
        if not everything.complete:
            return
        values = Counter(everything.found)
    fraction = next((value for value in values if isinstance(value, float) and not value.is_integer()), None)
    if fraction is not None:
        message = f"'{target.column}' holds fractions such as {fraction:g}, which are quantities and no classes"
        yield (
            ("target", "type"),
            f"{message}. Use type: {named_where(lambda about: not (about.has_names or about.many))}.",
        )
    elif len(values) < 2:
        yield COLUMN, without_variety(target, tuple(values))
    else:
        try:
            find(named(values), target)
        except DataError as error:
            yield (error.key if error.key == ("target", "positive") else ("target", "type")), error.said


def anomaly(train: Train) -> Anomaly | None:
    """Returns what validate refuses where all rows are of one class."""
    if train.only is None:
        return None
    what = f"the target has one value only: {train.only}. Nothing can be learned from it"
    fix = "give data with examples of every class, or change target.column or data.query in the spec"
    return Anomaly("TARGET_ONE_CLASS", what, fix)


def _order(name: str) -> tuple[bool, int, str]:
    digits = name.removeprefix("-")
    whole = digits.isascii() and digits.isdigit()
    return (not whole, int(name) if whole else 0, name)
