"""Whether a column can be made into a feature of its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.artifacts.labels import FALSE_WORDS, TRUE_WORDS
from stellwerk.components.ingestion.probing import Probe
from stellwerk.spec.features import Boolean, Feature, Time

HOLDS = {
    "int64": "whole numbers",
    "float": "numbers with fractions",
    "string": "texts",
    "binary": "bytes",
}
_BETTER = {
    "int64": "type: number or category",
    "float": "type: number, perhaps with scale: buckets",
    "string": "type: category or text",
    "binary": "a `transform` of your own",
}
_ISO = r"^\s*\d{4}-\d\d-\d\d"
_ENOUGH = 0.5


def misfit(feature: Feature, column: str, seen: Probe) -> tuple[str, str] | None:
    """Returns which key of `feature` does not suit `column`, and why and what to do; None where it fits."""
    kind = seen.columns[column]
    if column in seen.not_numbers and feature.type == "number":
        text = seen.not_numbers[column]
        return "type", f"type: number, but '{column}' holds texts such as '{text[:40]}'. Use type: category or text."
    if kind not in feature.TAKES and column not in seen.not_numbers:
        takes = " or ".join(HOLDS[each] for each in feature.TAKES)
        message = f"type: {feature.type} takes {takes}, but '{column}' holds {HOLDS[kind]}{_such_as(column, seen)}"
        return "type", f"{message}. Use {_BETTER[kind]}, or convert it with CAST in data.query."
    look = _LOOKS.get(type(feature))
    values = seen.sample[column].drop_null() if seen.sample is not None else None
    if look is None or values is None or not len(values):
        return None
    key, wrong = look
    message = wrong(feature, column, values)
    return (key, message) if message else None


def _such_as(column: str, seen: Probe) -> str:
    values = seen.sample[column].drop_null() if seen.sample is not None else None
    if values is None or not len(values) or seen.columns[column] == "binary":
        return ""
    value = values[0].as_py()
    return f" such as '{value[:40]}'" if isinstance(value, str) else f" such as {value:g}"


def _boolean(_feature: Feature, column: str, values: pa.ChunkedArray) -> str:
    if pa.types.is_string(values.type):
        words = pc.utf8_lower(pc.utf8_trim_whitespace(values))
        known = pc.is_in(words, value_set=pa.array([*TRUE_WORDS, *FALSE_WORDS, ""]))
    else:
        known = pc.is_in(values, value_set=pa.array([0, 1], values.type))
    strange = values.filter(pc.invert(known))
    if not len(strange):
        return ""
    shown = ", ".join(sorted({str(value) for value in strange.slice(0, 1000).to_pylist()})[:5])
    return f"'{column}' has values that are neither true nor false: {shown}. Use type: category or number."


def _time(feature: Time, column: str, values: pa.ChunkedArray) -> str:
    is_text = pa.types.is_string(values.type)
    if feature.format == "iso" and not is_text:
        return f"format: iso is text (2013-01-01T05:15:00Z), but '{column}' holds whole numbers. Use another format."
    chosen = feature.format or ("iso" if is_text else "epoch_seconds")
    valid = pc.match_substring_regex(values, _ISO) if chosen == "iso" else _numbers(values, chosen == "hhmm")
    share = (pc.sum(valid).as_py() or 0) / len(values)
    if share >= _ENOUGH:
        return ""
    strange = values.filter(pc.invert(valid))[0].as_py()
    message = f"only {share:.0%} of the values in '{column}' are times of format {chosen}; one is {strange!r}"
    return f"{message}. Set `format`, or convert it in data.query."


def _numbers(values: pa.ChunkedArray, time_of_day: bool) -> Any:
    """Tells which values are whole numbers, and with `time_of_day` those that are a time such as 1530."""
    texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.match_substring_regex(texts, r"^([01]?\d|2[0-4])?[0-5]?\d$" if time_of_day else r"^-?\d+$")


_LOOKS: Mapping[type, tuple[str, Callable[[Any, str, pa.ChunkedArray], str]]] = {
    Boolean: ("type", _boolean),
    Time: ("format", _time),
}
"""What is looked for in the values themselves where the column's type does not tell enough, and the key it is about."""
