"""Columns with two values that mean true and false."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.kinds.choosing import Choice, Rule, missing

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

_WORDS = {*TRUE_WORDS, *FALSE_WORDS}


def _one_of_two(survey: Survey, column: ColumnSurvey) -> Choice | None:
    if not _is_boolean(survey, column):
        return None
    indicator: dict[str, Any] = {"missing_indicator": True} if column.filled < survey.rows else {}
    shown = " and ".join(str(value) for value, _ in survey.common(column.name, 2))
    return Choice(column.name, {"type": "boolean", **indicator}, shown + missing(survey, column))


def _is_boolean(survey: Survey, column: ColumnSurvey) -> bool:
    if column.kind == "text":
        words = {str(value).strip().lower() for value, _ in survey.common(column.name, 7)}
        return len(words) == 2 and words <= _WORDS and column.distinct <= 6
    return column.kind == "boolean" or (column.kind == "integer" and (column.least, column.most) == (0, 1))


RULES = (Rule(30, _one_of_two),)
