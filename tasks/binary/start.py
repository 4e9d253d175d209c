"""What `stellwerk init` asks of a column that may be a binary target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.tasks.starting import CERTAIN, SUSPECT, classes_described

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

__all__ = ["CERTAIN", "GATE", "SUSPECT", "described", "positive", "refused", "suits"]

GATE = "auc: {min: 0.7}"

_POSITIVE = (*TRUE_WORDS, "positive", "pos", "spam", "malignant", "fraud", "bad", "churned", "left", "abnormal", "late", "up", "good", "survived", "ja", "oui", "si", "sí")  # fmt: skip

described = classes_described


def suits(survey: Survey, column: ColumnSurvey) -> bool:  # noqa: ARG001 - two values are two classes
    """Whether the column has two values."""
    return column.distinct == 2


def refused(column: ColumnSurvey) -> str | None:
    """Returns why the column cannot be such a target."""
    if column.distinct == 2:
        return None
    return f"'{column.name}' has {column.distinct:,} values. Use --task multiclass or regression."


def positive(survey: Survey, column: ColumnSurvey) -> Any:
    """Returns the value that counts as positive; None where the spec's own rule (1, true, yes) says the same."""
    values = [value for value, _ in survey.common(column.name, 3)]
    if column.kind != "text":
        return None
    words = {str(value).strip().lower() for value in values}
    if words <= {*TRUE_WORDS, *FALSE_WORDS}:
        return None
    return next((value for value in values if str(value).strip().lower() in _POSITIVE), values[-1])
