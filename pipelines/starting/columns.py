"""Which feature a column makes: a quantity, a category, words, a moment, or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.components.ingestion.surveying import TABLE, ColumnSurvey, Survey
from stellwerk.pipelines.starting.choices import Choice, left_out
from stellwerk.pipelines.starting.keys import is_id, is_named_as_id, is_row_number, is_unnamed
from stellwerk.pipelines.starting.moments import moment_choice

MOST_CATEGORIES = 1_000
FEW = 20
"""So few different texts are always categories, however few rows there are."""
_CODE = re.compile(r"(.*[\s_.-])?(zip|zipcode|postcode|postal_code|code|type|class|category|group|cluster|region|district|state|country|origin|store)", re.IGNORECASE)  # fmt: skip
_NAMES = re.compile(r"(.*[\s_.-])?(name|title|first_?name|last_?name|surname|model|car)", re.IGNORECASE)
_WORDS = (*TRUE_WORDS, *FALSE_WORDS)
_SKEWED = 4.0


def choose(survey: Survey, column: ColumnSurvey) -> Choice:
    """Returns what is made of a column that is not the target, and why."""
    useless = _says_nothing(survey, column)
    if useless:
        return left_out(column.name, useless)
    moment = moment_choice(survey, column)
    if moment is not None:
        return moment
    if is_id(column, survey.rows):
        return left_out(column.name, f"an id: {column.distinct:,} different ones in {column.filled:,} rows")
    return _BY_KIND[column.kind](survey, column)


def _says_nothing(survey: Survey, column: ColumnSurvey) -> str:
    """Returns why nothing can be learned from a column, whatever is in it; an empty text where something can."""
    if column.kind == "nested":
        return f"holds several values a row ({column.sql_type[:60]}): take it apart in data.query"
    if column.kind == "bytes":
        return "holds bytes: a function of your own could read them (type: custom)"
    if not column.filled:
        return "no row has a value"
    if column.distinct == 1:
        every = "the same in every row" if column.filled == survey.rows else "one value only, or none"
        return f"{every}: {column.least}"
    return "counts the rows" if is_row_number(column, survey.rows) else ""


def _boolean(survey: Survey, column: ColumnSurvey) -> Choice:
    indicator: dict[str, Any] = {"missing_indicator": True} if column.filled < survey.rows else {}
    shown = " and ".join(str(value) for value, _ in survey.common(column.name, 2))
    return Choice(column.name, {"type": "boolean", **indicator}, shown + _missing(survey, column))


def _number(survey: Survey, column: ColumnSurvey) -> Choice:
    if column.kind == "integer":
        if (column.least, column.most) == (0, 1):
            return _boolean(survey, column)
        if is_unnamed(column) and column.distinct == column.filled:
            return left_out(column.name, "counts the rows")
        if column.distinct <= MOST_CATEGORIES and (_CODE.fullmatch(column.name) or is_named_as_id(column)):
            return _category(survey, column, "codes, as the name says")
        if is_named_as_id(column) and column.distinct > MOST_CATEGORIES:
            return left_out(column.name, f"an id: {column.distinct:,} different values in {column.filled:,} rows")
    settings: dict[str, Any] = {"type": "number"}
    why = f"{_plain(column.least)} to {_plain(column.most)}"
    if _is_skewed(column):
        settings["scale"] = "log"
        why += f", half of them up to {_plain(column.median)}"
    if column.filled < survey.rows:
        settings["missing"] = "median"
        if survey.rows - column.filled > 0.01 * survey.rows:
            settings["missing_indicator"] = True
    return Choice(column.name, settings, why + _missing(survey, column))


def _is_skewed(column: ColumnSurvey) -> bool:
    """Tells whether a few large values would push all others together: their logarithms spread."""
    if column.least < 0 or column.distinct <= FEW or column.mean is None or not column.deviation:
        return False
    largest = (column.most - column.mean) / column.deviation
    return bool(largest > 2 * _SKEWED and column.most > 10 * max(column.mean, column.median or 0.0))


def _text(survey: Survey, column: ColumnSurvey) -> Choice:
    words = {str(value).strip().lower() for value, _ in survey.common(column.name, 7)}
    if len(words) == 2 and words <= set(_WORDS) and column.distinct <= 6:
        return _boolean(survey, column)
    if column.distinct <= FEW or (column.distinct <= MOST_CATEGORIES and column.distinct * 5 <= column.filled):
        return _category(survey, column, f"{column.distinct:,} different texts")
    return _varied_text(survey, column)


def _varied_text(survey: Survey, column: ColumnSurvey) -> Choice:
    """Returns what is made of texts that hardly repeat: words where these do, nothing of names and ids."""
    name, told = column.name, f"{column.distinct:,} different ones in {column.filled:,} rows"
    often = column.distinct * 2 <= column.filled
    if _NAMES.fullmatch(name) and not often:
        return left_out(name, f"names: {told}")
    if (column.words or 0) >= 3 and _words_recur(survey, column):
        why = f"free text, {column.words:.0f} words on average{_missing(survey, column)}"
        return Choice(name, {"type": "text"}, why)
    if is_named_as_id(column):
        return left_out(name, f"an id: {told}")
    if often:
        return _category(survey, column, f"{column.distinct:,} different texts")
    return left_out(name, f"nearly unique: {told}")


def _category(survey: Survey, column: ColumnSurvey, why: str) -> Choice:
    settings: dict[str, Any] = {"type": "category"}
    if column.distinct > 100:
        settings["min_count"] = 5
        why += "; those in fewer than 5 rows count as one"
    elif column.distinct <= 6:
        why = ", ".join(_short(value) for value, _ in survey.common(column.name, 6))
    return Choice(column.name, settings, why + _missing(survey, column))


def _words_recur(survey: Survey, column: ColumnSurvey) -> bool:
    """Tells whether words come again, so that something can be learned from them."""
    quoted = column.quoted
    ((different, whole),) = survey.ask(
        f"SELECT count(DISTINCT w), count(w) FROM (SELECT unnest(string_split_regex(lower({quoted}), '[^[:alnum:]]+')) AS w "
        f"FROM (SELECT {quoted} FROM {TABLE} WHERE {quoted} IS NOT NULL LIMIT 5000)) WHERE w <> ''"
    )
    return bool(whole and different <= 0.6 * whole)


def _missing(survey: Survey, column: ColumnSurvey) -> str:
    missing = survey.rows - column.filled
    if not missing:
        return ""
    return f"; {missing / survey.rows:.0%} missing" if missing >= 0.005 * survey.rows else f"; {missing:,} missing"


def _plain(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else f"{value:.6g}"


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 24 else f"{text[:23]}…"


_BY_KIND: dict[str, Callable[[Survey, ColumnSurvey], Choice]] = {
    "boolean": _boolean,
    "integer": _number,
    "number": _number,
    "text": _text,
}
