"""Moments in time inside the graph: texts and numbers to seconds since 1970 in UTC, and those to calendar parts."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from stellwerk.columns import MISSING_WHOLE
from stellwerk.moments import ISO, MONTHS, WHOLE, groups

_DAY = 86_400

_AFTER_MINUTES = r"^(?::\d{2}(?:[.,]\d+)?)? ?(?:[Zz]|(?i:utc|gmt)?(?:([+-]\d{2}):?(\d{2})?)?)\s*$"
_OFFSET = r"^(?:[Zz]|(?i:utc|gmt)?(?:([+-]\d{2}):?(\d{2})?)?)$"
_EPOCH = "1970-01-01T00:00:00"


def from_iso(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns seconds since 1970 (int64) and whether each text is an ISO 8601 date or time; without a zone it is UTC."""
    texts = tf.strings.strip(texts)
    valid = tf.strings.regex_full_match(texts, ISO)
    texts = tf.where(valid, texts, _EPOCH)
    texts = tf.where(tf.equal(tf.strings.length(texts), 10), tf.strings.join([texts, "T00:00:00"]), texts)
    rest = tf.strings.substr(tf.strings.join([texts, " " * 19]), 16, 64)
    has_seconds = tf.equal(tf.strings.substr(rest, 0, 1), ":")
    year, month, day = _digits(texts, 0, 4), _digits(texts, 5, 2), _digits(texts, 8, 2)
    days = _days_from_civil(year, month, day)
    seconds = _digits(tf.where(has_seconds, rest, ":00"), 1, 2)
    total = days * _DAY + _digits(texts, 11, 2) * 3600 + _digits(texts, 14, 2) * 60 + seconds - _zone(rest)
    return total, tf.logical_and(valid, tf.equal(_civil_from_days(days)[2], day))


def _zone(rest: tf.Tensor) -> tf.Tensor:
    """Returns the seconds that a zone like +01:00, -0530 or +02 is ahead of UTC."""
    return _offset(tf.strings.regex_replace(rest, _AFTER_MINUTES, r"\1\2"))


def _offset(zone: tf.Tensor) -> tf.Tensor:
    """Returns the seconds of +hhmm, -hhmm, +hh or nothing."""
    zone = tf.strings.substr(tf.strings.join([tf.where(tf.equal(zone, ""), "+", zone), "0000"]), 0, 5)
    ahead = _digits(zone, 1, 2) * 3600 + _digits(zone, 3, 2) * 60
    return tf.where(tf.equal(tf.strings.substr(zone, 0, 1), "-"), -ahead, ahead)


def from_format(texts: tf.Tensor, form: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns seconds since 1970 of texts in a format with the directives of `strptime`, and whether each is one.

    What the format does not hold is as in 1970-01-01T00:00:00Z; of fractions of a second nothing is kept.
    """
    texts = tf.strings.strip(texts)
    pattern, places = groups(form)
    matching = tf.strings.regex_full_match(texts, pattern)

    def written(directive: str, otherwise: str) -> tf.Tensor:
        found = tf.strings.regex_replace(texts, f"^(?:{pattern})$", rf"\{places[directive]}")
        return tf.where(matching, found, otherwise)

    def number(directive: str, otherwise: int) -> tf.Tensor:
        if directive not in places:
            return tf.fill(tf.shape(texts), tf.constant(otherwise, tf.int64))
        return tf.strings.to_number(written(directive, str(otherwise)), tf.int64)

    year = number("Y", 1970)
    if "y" in places:
        short = number("y", 70)
        year = tf.where(short < 69, short + 2000, short + 1900)
    month = _named_month(written("b" if "b" in places else "B", "jan")) if {"b", "B"} & set(places) else number("m", 1)
    day, hour, minute, second = number("d", 1), number("H", 0), number("M", 0), number("S", 0)
    valid = matching & (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second <= 60)
    if "I" in places:
        hour, valid = number("I", 12), valid & (number("I", 12) >= 1) & (number("I", 12) <= 12)
        late = tf.strings.lower(written("p", "am")) == "pm" if "p" in places else tf.zeros_like(valid)
        hour = hour % 12 + tf.where(late, tf.constant(12, tf.int64), tf.constant(0, tf.int64))
    month = tf.where(valid, month, 1)
    days = _days_from_civil(year, month, day)
    valid &= tf.equal(_civil_from_days(days)[2], day) & tf.equal(_civil_from_days(days)[1], month)
    total = days * _DAY + hour * 3600 + minute * 60 + second
    if "z" in places:
        total -= _offset(tf.strings.regex_replace(written("z", ""), _OFFSET, r"\1\2"))
    return tf.where(valid, total, 0), valid


def _named_month(names: tf.Tensor) -> tf.Tensor:
    """Returns the number of an English month's name, whole or short; 0 for any other word."""
    short = tf.equal(tf.strings.lower(tf.strings.substr(names, 0, 3))[:, tf.newaxis], tf.constant(MONTHS))
    return tf.reduce_sum(tf.cast(short, tf.int64) * tf.range(1, 13, dtype=tf.int64), axis=1)


def from_hhmm(whole: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns seconds since midnight of numbers like 515 for 05:15, and whether each is one; 2400 is midnight."""
    hour, minute = whole // 100, whole % 100
    valid = (whole >= 0) & (whole <= 2400) & (minute < 60)
    return tf.where(valid, (hour % 24) * 3600 + minute * 60, 0), valid


def from_epoch(whole: tf.Tensor, per_second: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns seconds since 1970 of a count with `per_second` ticks, and whether there is one."""
    valid = tf.not_equal(whole, MISSING_WHOLE)
    return tf.where(valid, whole // per_second, 0), valid


def whole_numbers(raw: tf.Tensor) -> tf.Tensor:
    """Returns int64 as it is, and texts of digits as int64; what is no whole number is the smallest int64."""
    if raw.dtype == tf.int64:
        return raw
    texts = tf.strings.strip(raw)
    valid = tf.strings.regex_full_match(texts, WHOLE)
    return tf.where(valid, tf.strings.to_number(tf.where(valid, texts, "0"), tf.int64), MISSING_WHOLE)


def _digits(texts: tf.Tensor, start: int, length: int) -> tf.Tensor:
    return tf.strings.to_number(tf.strings.substr(texts, start, length), tf.int64)


def _days_from_civil(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible date algorithms")."""
    year = tf.where(month <= 2, year - 1, year)
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil_from_days(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Year, month and day of a number of days since 1970-01-01 (the same source)."""
    days = days + 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = (shifted + 2) % 12 + 1
    year = year + era * 400 + tf.cast(month <= 2, tf.int64)
    return year, month, of_year - (153 * shifted + 2) // 5 + 1


def _day_of_year(seconds: tf.Tensor) -> tf.Tensor:
    days = seconds // _DAY
    first = tf.ones_like(days)
    return days - _days_from_civil(_civil_from_days(days)[0], first, first)


PARTS: dict[str, tuple[int, Callable[[tf.Tensor], tf.Tensor]]] = {
    "year": (0, lambda seconds: _civil_from_days(seconds // _DAY)[0]),
    "month": (12, lambda seconds: _civil_from_days(seconds // _DAY)[1] - 1),
    "day": (31, lambda seconds: _civil_from_days(seconds // _DAY)[2] - 1),
    "day_of_year": (366, _day_of_year),
    "weekday": (7, lambda seconds: (seconds // _DAY + 3) % 7),
    "hour": (24, lambda seconds: seconds // 3600 % 24),
    "minute": (60, lambda seconds: seconds // 60 % 60),
    "second": (60, lambda seconds: seconds % 60),
}
"""For each part how many values it has (0: no end) and how it is taken from seconds since 1970: from 0, Monday is 0."""
