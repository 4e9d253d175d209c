"""Whether a column can be made into a feature of its kind."""

from __future__ import annotations

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.ingestion.columns import nested
from stellwerk.components.ingestion.probing import Probe
from stellwerk.kinds.parts import accepting
from stellwerk.pipelines.checking.values import counted
from stellwerk.spec.features import Feature


def misfit(feature: Feature, column: str, seen: Probe) -> tuple[str, str] | None:
    """Returns which key of `feature` does not suit `column`, and why and what to do; None where it fits."""
    if column in seen.nested:
        return "type", str(nested(column, seen.nested[column]))
    found = seen.columns[column]
    if column in seen.not_numbers and feature.READS == "numbers":
        text = seen.not_numbers[column]
        advice = seen.advice.get(column, "Use type: category or text.")
        return "type", f"type: {feature.type}, but '{column}' holds texts such as '{text[:40]}'. {advice}"
    if seen.sample is not None and seen.sample[column].null_count == seen.sample.num_rows:
        return None  # what has no value has no type yet
    known = COLUMN_TYPES[found]
    if known.family not in feature.TAKES and column not in seen.not_numbers:
        takes = " or ".join(COLUMN_TYPES[each].words for each in feature.TAKES)
        message = f"type: {feature.type} takes {takes}, but '{column}' holds {known.words}{_such_as(column, seen)}"
        return "type", f"{message}. Use {known.suits}, or convert it with CAST in data.query."
    kind = accepting(feature.type)
    values = counted(seen, column) if kind is not None and not known.length else None
    return kind.misfit(feature, column, values) if kind is not None and values else None


def _such_as(column: str, seen: Probe) -> str:
    value = next(iter(counted(seen, column)), None) if not COLUMN_TYPES[seen.columns[column]].length else None
    if value is None or isinstance(value, bytes):
        return ""
    return f" such as '{value[:40]}'" if isinstance(value, str) else f" such as {value:g}"
