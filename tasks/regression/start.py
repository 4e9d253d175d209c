"""What `stellwerk init` asks of a column that may be a quantity."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

GATE = "r2: {min: 0.5}"
CERTAIN, SUSPECT = 0.999, 0.97


def suits(survey: Survey, column: ColumnSurvey) -> bool:  # noqa: ARG001 - numbers that are no classes are quantities
    """Whatever holds no names is a quantity."""
    return column.kind not in ("text", "boolean")


def refused(column: ColumnSurvey) -> str | None:
    """Returns why a column of texts is none."""
    if column.kind not in ("text", "boolean"):
        return None
    return f"'{column.name}' holds texts such as '{column.least}'. Use --task multiclass."


def positive(survey: Survey, column: ColumnSurvey) -> None:  # noqa: ARG001 - there are no classes
    """A quantity has no positive class."""
    return


def described(survey: Survey, column: ColumnSurvey) -> str:  # noqa: ARG001 - the survey of the column says all
    """Returns its span and its mean."""
    return f"a quantity from {column.least:.6g} to {column.most:.6g}, {column.mean:.6g} on average."
