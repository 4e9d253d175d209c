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
    """Returns why rows of a table alone are no series."""
    return (
        f"'{column.name}' has one value a row: which rows follow one another, and how many are looked back on, only you know. "
        "Write the spec by hand: docs/guides/series.md begins with one."
    )


def positive(survey: Survey, column: ColumnSurvey) -> None:  # noqa: ARG001 - there are no classes
    """A quantity has no positive class."""
    return


def described(survey: Survey, column: ColumnSurvey) -> str:  # noqa: ARG001 - the survey of the column says all
    """Returns its span."""
    return f"a quantity from {column.least:.6g} to {column.most:.6g}."
