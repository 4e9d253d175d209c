"""Dates and times among columns, and the parts of them that change within the data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from stellwerk.kinds.choosing import Choice, Rule
from stellwerk.kinds.time.keys import Part, Time

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

FORMATS = (
    "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d", "%d.%m.%y", "%m/%d/%y", "%b %d %Y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d, %Y", "%d %B %Y", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
    "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
"""Ways in which people write moments besides ISO's, the likelier first."""
_MOST = 0.95
_NAME = re.compile(r"date|time|day|moment|stamp|created|updated|since|_at$|_ts$", re.IGNORECASE)
_EPOCHS = {"epoch_seconds": (3e8, 4e9), "epoch_milliseconds": (3e11, 4e12)}


@dataclass(frozen=True)
class _Moments:
    """How a column's moments are written, and how SQL reads them."""

    sql: str
    why: str
    format: str | None = None
    """The word that the spec has for it; None where it needs none."""
    by_query: bool = False
    """Whether data.query has to read them, as the spec has no word for it."""


def _moments(survey: Survey, column: ColumnSurvey) -> Choice | None:
    """Returns the time feature that a column makes; None where it holds no moments."""
    if not column.filled:
        return None
    if column.kind == "integer" and _is_clock(survey, column):
        why = f"a time of day: {column.least} to {column.most}"
        return Choice(column.name, {"type": "time", "format": "hhmm"}, why)
    found = _READERS[column.kind](survey, column) if column.kind in _READERS else None
    return None if found is None else _with_parts(survey, column, found)


def _typed(_survey: Survey, column: ColumnSurvey) -> _Moments:
    return _Moments(column.quoted, f"from {column.least} to {column.most}")


def _texts(survey: Survey, column: ColumnSurvey) -> _Moments | None:
    quoted = column.quoted
    if survey.share(column.name, r"regexp_matches({}, '\d')") < _MOST:
        return None
    iso = r"regexp_matches({}, '^\s*\d{4}-\d\d-\d\d') AND TRY_CAST({} AS TIMESTAMPTZ) IS NOT NULL"
    if survey.share(column.name, iso) >= _MOST:
        return _Moments(f"TRY_CAST({quoted} AS TIMESTAMPTZ)", f"texts such as '{column.least}'")
    for form in FORMATS:
        read = f"try_strptime(trim({quoted}), '{form}')"
        if survey.share(column.name, f"{read} IS NOT NULL") >= _MOST:
            return _in_format(column, read, form)
    return None


def _in_format(column: ColumnSurvey, read: str, form: str) -> _Moments:
    """Names the format where the spec knows it; where not, the query reads it."""
    why = f"dates as '{column.least}', read by {form}"
    try:
        Time.model_validate({"type": "time", "format": form})
    except ValidationError:
        return _Moments(read, f"{why} in data.query", by_query=True)
    return _Moments(read, why, form)


def _numbers(survey: Survey, column: ColumnSurvey) -> _Moments | None:
    """Whole numbers that count the time, or are written like a date; the name has to say so too."""
    if not _NAME.search(column.name):
        return None
    quoted = column.quoted
    for form, (first, last) in _EPOCHS.items():
        if first <= column.least and column.most <= last:
            seconds = quoted if form == "epoch_seconds" else f"{quoted} / 1000.0"
            return _Moments(f"to_timestamp({seconds})", "counts the time since 1970", form)
    if column.least >= 19_000_101 and column.most <= 21_001_231:
        read = f"try_strptime({quoted}::VARCHAR, '%Y%m%d')"
        if survey.share(column.name, f"{read} IS NOT NULL") >= _MOST:
            return _in_format(column, read, "%Y%m%d")
    return None


def _is_clock(survey: Survey, column: ColumnSurvey) -> bool:
    """Tells whether whole numbers are times of day, 515 for 05:15; the name has to say so too."""
    varied = "time" in column.name.lower() and column.distinct > 24 and column.most >= 1000
    return varied and survey.share(column.name, "{} BETWEEN 0 AND 2400 AND {} % 100 < 60") >= 1


_READERS: dict[str, Callable[[Survey, ColumnSurvey], _Moments | None]] = {
    "time": _typed,
    "text": _texts,
    "integer": _numbers,
}


def _with_parts(survey: Survey, column: ColumnSurvey, found: _Moments) -> Choice:
    """Returns the feature with the parts that are not the same in every row."""
    parts = [part for part in get_args(Part) if part not in ("second", "minute", "day")]
    asked = {"weekday": "isodow", "day_of_year": "doy"}
    listed = ", ".join(f"count(DISTINCT date_part('{asked.get(part, part)}', {found.sql}))" for part in parts)
    (counts,) = survey.ask(f"SELECT {listed} FROM {survey.table}")
    varied = [part for part, count in zip(parts, counts, strict=True) if count > 1]
    if "month" in varied and "day_of_year" in varied:
        varied.remove("day_of_year")
    if not varied:
        return Choice(column.name, why="the same day in every row", moments=found.sql)
    settings = {"type": "time", **({"format": found.format} if found.format else {}), "parts": varied}
    sql = f"{found.sql} AS {column.quoted}" if found.by_query else ""
    return Choice(column.name, settings, found.why, sql, found.sql)


RULES = (Rule(10, _moments),)
