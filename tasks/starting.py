"""What `stellwerk init` does alike for tasks with classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

CERTAIN, SUSPECT = 0.995, 0.95
"""Strengths from which a column that tells the class is left out, or only warned of."""


def classes_described(survey: Survey, column: ColumnSurvey) -> str:
    """Returns the most frequent classes with their shares."""
    shown = survey.common(column.name, 6)
    classes = ", ".join(f"{value} ({count / max(1, column.filled):.1%})" for value, count in shown)
    return f"{classes}{', ...' if column.distinct > len(shown) else ''}."
