"""What `stellwerk init` asks of a column that may be forecast: only whoever asks for a forecast gets one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

GATE = "mase: {max: 1}"
CERTAIN, SUSPECT = 0.999, 0.98


def suits(survey: Survey, column: ColumnSurvey) -> bool:  # noqa: ARG001 - any quantity could be one
    """No column is guessed to be one."""
    return False


def refused(column: ColumnSurvey) -> str | None:
    """Returns why a column of texts or moments is none."""
    if column.kind in ("integer", "number"):
        return None
    return (
        f"'{column.name}' holds values such as '{column.least}', and what is forecast is a number. Take another column."
    )


def positive(survey: Survey, column: ColumnSurvey) -> None:  # noqa: ARG001 - there are no classes
    """A quantity has no positive class."""
    return


def described(survey: Survey, column: ColumnSurvey) -> str:  # noqa: ARG001 - the survey of the column says all
    """Returns its span."""
    return f"a quantity from {column.least:.6g} to {column.most:.6g}."
