"""Whether a column can be made into a feature of its type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from stellwerk.columns import COLUMN_TYPES, FALSE_WORDS, TRUE_WORDS
from stellwerk.components.ingestion.columns import nested
from stellwerk.components.ingestion.probing import Probe
from stellwerk.moments import likely_format, pattern_of
from stellwerk.pipelines.checking.values import counted
from stellwerk.spec.features import Boolean, Feature, Time

_WORDS = frozenset((*TRUE_WORDS, *FALSE_WORDS, ""))
_ENOUGH = 0.5


def misfit(feature: Feature, column: str, seen: Probe) -> tuple[str, str] | None:
    """Returns which key of `feature` does not suit `column`, and why and what to do; None where it fits."""
    if column in seen.nested:
        return "type", str(nested(column, seen.nested[column]))
    kind = seen.columns[column]
    if column in seen.not_numbers and feature.type == "number":
        text = seen.not_numbers[column]
        advice = seen.advice.get(column, "Use type: category or text.")
        return "type", f"type: number, but '{column}' holds texts such as '{text[:40]}'. {advice}"
    if seen.sample is not None and seen.sample[column].null_count == seen.sample.num_rows:
        return None  # what has no value has no type yet
    if kind not in feature.TAKES and column not in seen.not_numbers:
        takes = " or ".join(COLUMN_TYPES[each].words for each in feature.TAKES)
        message = f"type: {feature.type} takes {takes}, but '{column}' holds {COLUMN_TYPES[kind].words}{_such_as(column, seen)}"
        return "type", f"{message}. Use {COLUMN_TYPES[kind].suits}, or convert it with CAST in data.query."
    look = _LOOKS.get(type(feature))
    if look is None:
        return None
    key, wrong = look
    values = counted(seen, column)
    message = wrong(feature, column, values) if values else ""
    return (key, message) if message else None


def _such_as(column: str, seen: Probe) -> str:
    value = next(iter(counted(seen, column)), None)
    if value is None or isinstance(value, bytes):
        return ""
    return f" such as '{value[:40]}'" if isinstance(value, str) else f" such as {value:g}"


def _boolean(_feature: Feature, column: str, values: Counter[Any]) -> str:
    strange = [value for value in values if not _is_boolean(value)]
    if not strange:
        return ""
    shown = ", ".join(sorted(map(str, strange))[:5])
    return f"'{column}' has values that are neither true nor false: {shown}. Use type: category or number."


def _is_boolean(value: Any) -> bool:
    return value.strip().lower() in _WORDS if isinstance(value, str) else value in (0, 1)


def _time(feature: Time, column: str, values: Counter[Any]) -> str:
    is_text = isinstance(next(iter(values)), str)
    if feature.format == "iso" and not is_text:
        return f"iso is text (2013-01-01T05:15:00Z), but '{column}' holds whole numbers. Use another format."
    chosen = feature.format or ("iso" if is_text else "epoch_seconds")
    looks = None if is_text or feature.format else likely_format([int(value) for value in values.elements()])
    if looks is not None:
        return f"'{column}' holds whole numbers such as {looks[0]}, which look like {looks[1]}."
    pattern = re.compile(pattern_of(chosen))
    strange = Counter({value: count for value, count in values.items() if not pattern.fullmatch(str(value).strip())})
    share = 1 - strange.total() / values.total()
    if share >= _ENOUGH:
        return ""
    message = (
        f"only {share:.0%} of the values in '{column}' are times of format {chosen}; one is {next(iter(strange))!r}"
    )
    return f"{message}. Set `format`, or convert it in data.query."


_LOOKS: Mapping[type, tuple[str, Callable[[Any, str, Counter[Any]], str]]] = {
    Boolean: ("type", _boolean),
    Time: ("format", _time),
}
"""What is looked for in the values themselves where the column's type does not tell enough, and the key it is about."""
