"""The target column as labels: which classes there are, and the class of each row.

Steps must agree on it: transform writes it into the graph, evaluate compares predictions with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.errors import DataError, did_you_mean
from stellwerk.spec.target import Target

MOST_CLASSES = 10_000

_SHOWN = 8

_STEPS = 16
"""So many different numbers at least the usual differences of a quantity must span in 32 bits."""


def lost_in_32_bits(column: str, low: float, high: float, spread: float) -> str | None:
    """Returns a sentence where the differences of a quantity are lost when it becomes a float of 32 bits; else None.

    `spread` is how far its values usually lie from each other.
    """
    step = float(np.spacing(np.float32(max(abs(low), abs(high)))))
    if low >= high or spread >= _STEPS * step:
        return None
    return (
        f"the values of '{column}' differ by {spread:g} or so, and near {high:.6g} the 32 bits that a network computes with tell "
        f"numbers apart that differ by {step:g}. Subtract a constant in data.query, e.g. {low:.0f}, and add it to the answers"
    )


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


def find_classes(counts: Counter[str], target: Target) -> list[str]:
    """Returns the classes in the order of their ids from how often each name occurs: negative, positive; or sorted.

    Raises DataError for one class only, more than two for a binary target, or a `positive` that does not occur.
    """
    names = sorted(counts, key=_order)
    if len(names) < 2:
        raise DataError.of_key(
            "target", _says(target, f"has only one value ({', '.join(names) or 'none'}): there is nothing to learn")
        )
    if target.type == "multiclass":
        if len(names) > MOST_CLASSES:
            raise DataError.of_key(
                "target", _says(target, f"has {len(names)} classes, more than {MOST_CLASSES}. Is it a quantity?")
            )
        return names
    if all(_is_word(name) for name in names):
        names = _one_word_each(counts)
    if len(names) != 2:
        shown = ", ".join(repr(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise DataError.of_key(
            "target",
            _says(
                target,
                f"is binary but has {len(names)} values: {shown}. Use type: multiclass, or make it two values in data.query",
            ),
        )
    return _positive_last(names, target)


def encode(column: pa.Array, kind: str, classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """Returns the labels of a column: float32 0/1 (binary), int64 class ids (multiclass) or float32 (regression).

    What is missing or no known class becomes NaN, or -1 for multiclass.
    """
    if kind == "regression":
        return np.asarray(column.cast(pa.float32()).fill_null(float("nan")))
    names = class_names(column)
    if kind == "binary" and is_words(classes):
        names = pc.utf8_lower(pc.utf8_trim_whitespace(names))
        ids = np.full(len(names), -1, np.int64)
        for place, words in enumerate(word_sides(classes)):
            ids[np.asarray(pc.is_in(names, value_set=pa.array(words)))] = place
    else:
        ids = np.asarray(pc.index_in(names, value_set=pa.array(list(classes))).cast(pa.int64()).fill_null(-1))
    return ids if kind == "multiclass" else np.where(ids < 0, np.nan, ids).astype(np.float32)


def is_words(classes: Sequence[str]) -> bool:
    """Whether two classes are a pair like yes/no, so that case, blanks and the word chosen do not matter."""
    return len(classes) == 2 and all(map(_is_word, classes)) and _is_true(classes[0]) != _is_true(classes[1])


def class_called(name: str, classes: Sequence[str]) -> str | None:
    """Returns the class that a person means by `name`: its own name or, of two that `is_words`, any word for the same."""
    if name in classes or not (is_words(classes) and _is_word(name)):
        return name if name in classes else None
    return next(each for each in classes if _is_true(each) == _is_true(name))


def word_sides(classes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the words, in lower case, that mean the negative and the positive of two classes that `is_words`."""
    return (FALSE_WORDS, TRUE_WORDS) if _is_true(classes[1]) else (TRUE_WORDS, FALSE_WORDS)


def _positive_last(names: list[str], target: Target) -> list[str]:
    if target.positive is None:
        return names
    wanted = str(target.positive)
    for name in names:
        if name == wanted or (is_words(names) and _is_word(wanted) and _is_true(name) == _is_true(wanted)):
            return [other for other in names if other != name] + [name]
    raise DataError.of_key(
        "target.positive",
        f"'{wanted}' does not occur in column '{target.column}', which has {' and '.join(names)}."
        f"{did_you_mean(wanted, names)}",
    )


def _one_word_each(counts: Counter[str]) -> list[str]:
    """Keeps the most frequent word for false and the one for true."""
    sides: list[str] = []
    for truth in (False, True):
        words = [(-count, name) for name, count in counts.items() if _is_true(name) == truth]
        sides.extend(name for _, name in sorted(words)[:1])
    return sides


def _order(name: str) -> tuple[bool, int, str]:
    digits = name.removeprefix("-")
    whole = digits.isascii() and digits.isdigit()
    return (not whole, int(name) if whole else 0, name)


def _is_word(name: str) -> bool:
    return name.strip().lower() in TRUE_WORDS + FALSE_WORDS


def _is_true(name: str) -> bool:
    return name.strip().lower() in TRUE_WORDS


def _says(target: Target, what: str) -> str:
    return f"column '{target.column}' {what}."
