"""Columns of bytes that are pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellwerk.kinds.choosing import Choice, Rule, missing
from stellwerk.kinds.image.heads import FORMATS, format_of

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

_SOME = 100
_SIDE = 64


def _pictures(survey: Survey, column: ColumnSurvey) -> Choice | None:
    if column.kind != "bytes" or not column.filled:
        return None
    seen = survey.ask(f"SELECT {column.quoted} FROM {survey.table} WHERE {column.quoted} IS NOT NULL LIMIT {_SOME}")
    formats = [format_of(bytes(value)) for (value,) in seen]
    if None in formats:
        return None
    named = " and ".join(name for name in FORMATS if name in formats)
    settings = {"type": "image", "size": [_SIDE, _SIDE]}
    return Choice(column.name, settings, f"pictures ({named}){missing(survey, column)}")


RULES = (Rule(10, _pictures),)
