"""What `stellwerk init` asks of a column that may hold several labels a row: only whoever asks for them gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellwerk.tasks.starting import CERTAIN, SUSPECT

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

__all__ = ["CERTAIN", "GATE", "SUSPECT", "described", "positive", "refused", "suits"]

GATE = "f1: {over: trivial}"


def suits(survey: Survey, column: ColumnSurvey) -> bool:  # noqa: ARG001 - a text with a sign in it may be one name
    """No column is guessed to be one."""
    return False


def refused(column: ColumnSurvey) -> str | None:
    """Returns why the column cannot be such a target."""
    if column.kind == "text":
        return None
    return f"'{column.name}' has one value a row, and no texts: there are no several labels in it."


def positive(survey: Survey, column: ColumnSurvey) -> None:  # noqa: ARG001 - each label is there or not
    """No label of several is the positive one."""
    return


def described(survey: Survey, column: ColumnSurvey) -> str:
    """Returns the most frequent texts: each is the labels of a row."""
    shown = survey.common(column.name, 3)
    return f"labels such as {', '.join(f'{value} ({count:,} rows)' for value, count in shown)}."
