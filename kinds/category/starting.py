"""Columns whose values come again and are names or codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stellwerk.kinds.choosing import FEW, MOST_CATEGORIES, Choice, Rule, is_named_as_id, missing

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

_CODE = re.compile(r"(.*[\s_.-])?(zip|zipcode|postcode|postal_code|code|type|class|category|group|cluster|region|district|state|country|origin|store)", re.IGNORECASE)  # fmt: skip


def _codes(survey: Survey, column: ColumnSurvey) -> Choice | None:
    """Whole numbers that are names, as the name of the column says."""
    named = _CODE.fullmatch(column.name) or is_named_as_id(column)
    if column.kind != "integer" or column.distinct > MOST_CATEGORIES or not named:
        return None
    return _category(survey, column, "codes, as the name says")


def _few_texts(survey: Survey, column: ColumnSurvey) -> Choice | None:
    few = column.distinct <= FEW or (column.distinct <= MOST_CATEGORIES and column.distinct * 5 <= column.filled)
    return _texts(survey, column) if column.kind == "text" and few else None


def _texts_that_repeat(survey: Survey, column: ColumnSurvey) -> Choice | None:
    return _texts(survey, column) if column.kind == "text" and column.distinct * 2 <= column.filled else None


def _texts(survey: Survey, column: ColumnSurvey) -> Choice:
    return _category(survey, column, f"{column.distinct:,} different texts")


def _category(survey: Survey, column: ColumnSurvey, why: str) -> Choice:
    settings: dict[str, Any] = {"type": "category"}
    if column.distinct > 100:
        settings["min_count"] = 5
        why += "; those in fewer than 5 rows count as one"
    elif column.distinct <= 6:
        why = ", ".join(_short(value) for value, _ in survey.common(column.name, 6))
    return Choice(column.name, settings, why + missing(survey, column))


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 24 else f"{text[:23]}…"


RULES = (Rule(40, _codes), Rule(40, _few_texts), Rule(60, _texts_that_repeat))
