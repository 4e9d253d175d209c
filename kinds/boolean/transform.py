"""`type: boolean`: 0 or 1."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.errors import DataError
from stellwerk.kinds import outputs
from stellwerk.kinds.boolean.keys import Boolean
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.transforming import Asked, Known, each

_SHOWN = 5


class Strangers:
    """A few of the values that are neither true nor false."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def add(self, values: pa.Array) -> None:
        """Takes a raw column."""
        if pa.types.is_string(values.type):
            words = pc.utf8_lower(pc.utf8_trim_whitespace(values))
            known = pc.is_in(words, value_set=pa.array([*TRUE_WORDS, *FALSE_WORDS, ""]))
        else:
            known_values = [0, 1] if pa.types.is_integer(values.type) else [0.0, 1.0, float("nan")]
            known = pc.is_in(values, value_set=pa.array(known_values, values.type))
        strange = values.filter(pc.invert(known)).drop_null()
        if len(strange) and len(self.found) < _SHOWN:
            self.found.update(map(str, strange.slice(0, 1000).unique().to_pylist()))

    def merge(self, other: Strangers) -> None:
        """Takes what `other` has seen."""
        self.found |= other.found

    def as_json(self) -> list[str]:
        """Returns what was found."""
        return sorted(self.found)

    def restore(self, found: list[str]) -> None:
        """Takes what was found."""
        self.found = set(found)


def measured(name: str, feature: Boolean, columns: Columns) -> dict[str, Asked]:  # noqa: ARG001 - looked at without the graph
    """Asks for values that are neither true nor false."""
    return {"strangers": Asked(Strangers(), feature.columns_of(name)[0])}


@each
def transform(name: str, feature: Boolean, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns 0 or 1 and, where wanted, whether it was missing. At serving any other value counts as missing."""
    column = feature.columns_of(name)[0]
    strangers = sorted(known.measures["strangers"].found)[:_SHOWN]
    if strangers:
        raise DataError(
            f"features.{name}: column '{column}' has values that are neither true nor false: {', '.join(strangers)}. "
            "Use type: category or number, or make them 0 and 1 in data.query."
        )
    is_true, is_false = _sides(columns.natural(column))
    value = tf.logical_not(is_false) if feature.missing else is_true
    made = [outputs.number(name, name, value)]
    if feature.missing_indicator:
        made.append(outputs.number(f"{name}_missing", name, tf.logical_not(tf.logical_or(is_true, is_false))))
    return made


def _sides(raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    if raw.dtype != tf.string:
        return tf.equal(raw, 1.0), tf.equal(raw, 0.0)
    words = tf.strings.lower(tf.strings.strip(raw))
    return _one_of(words, TRUE_WORDS), _one_of(words, FALSE_WORDS)


def _one_of(words: tf.Tensor, wanted: tuple[str, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(words[:, tf.newaxis], tf.constant(wanted)), axis=1)
