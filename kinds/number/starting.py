"""Columns of numbers that nothing else was made of: quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellwerk.kinds.choosing import FEW, Choice, Rule, missing

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

_SKEWED = 4.0


def _quantity(survey: Survey, column: ColumnSurvey) -> Choice | None:
    if column.kind not in ("integer", "number"):
        return None
    settings: dict[str, Any] = {"type": "number"}
    why = f"{_plain(column.least)} to {_plain(column.most)}"
    if _is_skewed(column):
        settings["scale"] = "log"
        why += f", half of them up to {_plain(column.median)}"
    if column.filled < survey.rows:
        settings["missing"] = "median"
        if survey.rows - column.filled > 0.01 * survey.rows:
            settings["missing_indicator"] = True
    return Choice(column.name, settings, why + missing(survey, column))


def _is_skewed(column: ColumnSurvey) -> bool:
    """Tells whether a few large values would push all others together: their logarithms spread."""
    if column.least < 0 or column.distinct <= FEW or column.mean is None or not column.deviation:
        return False
    largest = (column.most - column.mean) / column.deviation
    return bool(largest > 2 * _SKEWED and column.most > 10 * max(column.mean, column.median or 0.0))


def _plain(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else f"{value:.6g}"


RULES = (Rule(50, _quantity),)
