"""What `stellwerk init` asks of a column that may be a target of several classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stellwerk.tasks.starting import CERTAIN, SUSPECT, classes_described

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

__all__ = ["CERTAIN", "GATE", "SUSPECT", "described", "positive", "refused", "suits"]

GATE = "accuracy: {min: 0.7}"

_WHOLE_CLASSES = 20
"""Whole numbers with at most so many values, from 0 or 1 on without a gap, may be classes."""
_ROWS_OF_A_CLASS = 8
_FEW = 10
_NAMED = re.compile(r"(is_?)?(target|labels?|class|outcome|response|output|ground_?truth)", re.IGNORECASE)

described = classes_described


def suits(survey: Survey, column: ColumnSurvey) -> bool:
    """Whether the column holds names: texts, or a few whole numbers that count them."""
    if column.kind in ("text", "boolean"):
        return True
    whole = column.kind == "integer" or survey.share(column.name, "{} = trunc({})") >= 1
    if not whole or column.distinct > _WHOLE_CLASSES:
        return False
    without_gap = column.least in (0, 1) and column.most - column.least + 1 == column.distinct
    named = _NAMED.fullmatch(column.name) is not None or column.distinct <= _FEW
    return bool(without_gap and named and column.filled >= _ROWS_OF_A_CLASS * column.distinct)


def refused(column: ColumnSurvey) -> str | None:  # noqa: ARG001 - whatever it holds has names
    """A column of any type has names."""
    return None


def positive(survey: Survey, column: ColumnSurvey) -> None:  # noqa: ARG001 - none of several is
    """None of several classes is the positive one."""
    return
