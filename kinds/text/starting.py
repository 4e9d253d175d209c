"""Columns of words: several a row, and they come again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellwerk.kinds.choosing import Choice, Rule, missing

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey


def _words(survey: Survey, column: ColumnSurvey) -> Choice | None:
    if column.kind != "text" or (column.words or 0) < 3 or not _words_recur(survey, column):
        return None
    why = f"free text, {column.words:.0f} words on average{missing(survey, column)}"
    return Choice(column.name, {"type": "text"}, why)


def _words_recur(survey: Survey, column: ColumnSurvey) -> bool:
    """Tells whether words come again, so that something can be learned from them."""
    quoted = column.quoted
    ((different, whole),) = survey.ask(
        f"SELECT count(DISTINCT w), count(w) FROM (SELECT unnest(string_split_regex(lower({quoted}), '[^[:alnum:]]+')) AS w "
        f"FROM (SELECT {quoted} FROM {survey.table} WHERE {quoted} IS NOT NULL LIMIT 5000)) WHERE w <> ''"
    )
    return bool(whole and different <= 0.6 * whole)


RULES = (Rule(50, _words),)
