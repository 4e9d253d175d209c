"""Moments as people write them, for everything that reads them: `check`, the transform inside the graph, and servers.

The patterns are read by Python and by RE2, TensorFlow's own, and mean the same to both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:[.,]\d+)?)?"
ZONE = r"(?:[Zz]|(?i:utc|gmt)?(?:[+-]\d{2}(?::?\d{2})?)?)"
"""What may stand behind a time: Z, UTC, GMT, an offset such as +02, +0200 or +02:00, or nothing, which is UTC."""
ISO = rf"{_DATE}(?:[Tt ]{_TIME} ?{ZONE})?"
"""A date, or a date and a time, as ISO 8601 and databases write them."""
HHMM = r"([01]?\d|2[0-4])?[0-5]?\d"
WHOLE = r"[+-]?\d{1,18}"

NAMED = ("iso", "epoch_seconds", "epoch_milliseconds", "hhmm")
"""Formats with a name; any other is written with the directives of `strptime`."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_TWO, _BOTH = r"\d{1,2}", r"\d{2}"
_DIRECTIVES = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": _TWO,
    "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}",
    "d": _TWO,
    "H": _TWO,
    "I": _TWO,
    "p": r"[AaPp][Mm]",
    "M": _TWO,
    "S": _TWO,
    "f": r"\d{1,9}",
    "z": r"(?:[Zz]|(?i:utc|gmt)?(?:[+-]\d{2}:?\d{2})?)",
}
"""What each directive of a format stands for."""

_DIRECTIVE = re.compile(r"%(.?)")

_OF_PART = {
    "year": "Yy",
    "month": "mbB",
    "day": "d",
    "hour": "HI",
    "minute": "M",
    "second": "S",
}
_WHOLE_DATE = ("year", "month", "day")

_YEARS = range(1800, 2201)
_MOST = 0.95
_ENOUGH_FOR_HHMM = 20


def wrong_format(text: str) -> str | None:
    """Returns what is wrong with a format, as a sentence; None where nothing is."""
    if text in NAMED:
        return None
    known = ", ".join(f"%{each}" for each in _DIRECTIVES)
    if "%" not in text:
        return f"must be one of {', '.join(NAMED)}, or be written like %d.%m.%Y, with {known}"
    found = [each for each in _DIRECTIVE.findall(text) if each != "%"]
    for each in found:
        if each not in _DIRECTIVES:
            return f"has the directive '%{each}', which is not known. Known: {known}"
        if found.count(each) > 1:
            return f"has the directive '%{each}' twice"
    return None


def parts_of(text: str) -> tuple[str, ...]:
    """Returns the parts of a moment that a format with directives holds."""
    found = set(_DIRECTIVE.findall(text))
    parts = [part for part, signs in _OF_PART.items() if found & set(signs)]
    return (*parts, *(("weekday", "day_of_year") if set(_WHOLE_DATE) <= set(parts) else ()))


def groups(text: str) -> tuple[str, dict[str, int]]:
    """Returns the pattern of a format with directives, and the number of each directive's group in it.

    Digits that another directive follows at once come in twos, as the 05 of 20240501; others may be one alone.
    """
    places: dict[str, int] = {}
    pattern, end = "", 0
    for found in _DIRECTIVE.finditer(text):
        pattern += re.escape(text[end : found.start()])
        end = found.end()
        if found[1] == "%":
            pattern += "%"
            continue
        places[found[1]] = len(places) + 1
        one = _DIRECTIVES[found[1]]
        close = re.match(r"%[^%]", text[end:]) or re.search(r"%[^%]$", text[: found.start()])
        pattern += f"({_BOTH if one == _TWO and close else one})"
    return pattern + re.escape(text[end:]), places


def pattern_of(chosen: str) -> str:
    """Returns the pattern of what is a moment in a format."""
    of_named = {"iso": ISO, "hhmm": HHMM, "epoch_seconds": WHOLE, "epoch_milliseconds": WHOLE}
    return of_named[chosen] if chosen in of_named else groups(chosen)[0]


def seconds(text: str) -> int | None:
    """Returns the seconds since 1970 of an ISO date or time, rounded down; None where the text is none."""
    text = text.strip()
    if not re.fullmatch(ISO, text):
        return None
    found = re.fullmatch(rf"({_DATE})(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)? ?({ZONE}))?", text)
    assert found is not None  # noqa: S101 - it is the same pattern, with groups
    day, hour, minute, second, zone = found.groups()
    try:
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return None
    moment += timedelta(hours=int(hour or 0), minutes=int(minute or 0), seconds=int(second or 0))
    ahead = re.search(r"([+-])(\d\d):?(\d\d)?$", zone or "")
    offset = (int(ahead[2]) * 60 + int(ahead[3] or 0)) * (-60 if ahead[1] == "-" else 60) if ahead else 0
    return int(moment.timestamp()) - offset


def likely_format(values: Sequence[int]) -> tuple[int, str] | None:
    """Returns one of the whole numbers and what they look like, where they can hardly be seconds since 1970; else None."""
    if not values:
        return None
    for looks, fits in _LOOKS:
        matching = [value for value in values if fits(value)]
        if len(matching) > _MOST * len(values):
            return matching[0], looks
    if len(values) >= _ENOUGH_FOR_HHMM and all(0 <= value <= 2400 and value % 100 < 60 for value in values):
        return values[0], "times of day such as 515 for 05:15: set format: hhmm"
    return None


def _is_date(value: int, form: str) -> bool:
    try:
        return datetime.strptime(str(value), form).year in _YEARS
    except ValueError:
        return False


_LOOKS = (
    ("dates written as digits: set format: '%Y%m%d'", lambda value: len(str(value)) == 8 and _is_date(value, "%Y%m%d")),
    (
        "moments written as digits: set format: '%Y%m%d%H%M%S'",
        lambda value: len(str(value)) == 14 and _is_date(value, "%Y%m%d%H%M%S"),
    ),
    ("months written as digits: set format: '%Y%m'", lambda value: len(str(value)) == 6 and _is_date(value, "%Y%m")),
    ("years: set format: '%Y', or use type: number", lambda value: value in _YEARS),
    (
        "days as Excel counts them: convert them in data.query, e.g. DATE '1899-12-30' + CAST(x AS INTEGER)",
        lambda value: value in range(10_000, 80_001),
    ),
    ("milliseconds since 1970: set format: epoch_milliseconds", lambda value: 10**11 <= abs(value) < 10**14),
    ("microseconds since 1970: divide them by 1000000 in data.query", lambda value: 10**14 <= abs(value) < 10**17),
    ("nanoseconds since 1970: divide them by 1000000000 in data.query", lambda value: abs(value) >= 10**17),
)
"""What whole numbers may be that are no seconds, and how to tell."""
