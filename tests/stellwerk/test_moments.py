"""Moments as texts and numbers: what is one, in seconds, and what whole numbers look like that are none."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from stellwerk.moments import likely_format, parts_of, pattern_of, seconds, wrong_format

NOON = int(datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01T12:00:00Z",
        "2024-03-01 12:00",
        " 2024-03-01 12:00:00.5 UTC ",
        "2024-03-01 12:00:00 GMT",
        "2024-03-01 14:00 +02:00",
        "2024-03-01T14:00:00+02",
        "2024-03-01 06:30:00-0530",
        "2024-03-01 13:00 UTC+01",
    ],
)
def test_one_moment_is_written_in_many_ways(text):
    assert seconds(text) == NOON
    assert re.fullmatch(pattern_of("iso"), text.strip())


@pytest.mark.parametrize("text", ["", "soon", "2024-02-30", "2024-13-01", "20240301", "2024-03-01 25:00", "01.03.2024"])
def test_other_texts_are_no_moment(text):
    assert seconds(text) is None


def test_a_date_is_its_midnight():
    assert seconds("2024-03-01") == NOON - 12 * 3600


@pytest.mark.parametrize(
    ("values", "looks"),
    [
        ([20240301, 19991231], "'%Y%m%d'"),
        ([20240301120000], "'%Y%m%d%H%M%S'"),
        ([202403, 199912], "'%Y%m'"),
        ([1999, 2024], "'%Y'"),
        ([45352, 45353], "Excel"),
        ([1709251200000], "epoch_milliseconds"),
        ([1709251200000000], "microseconds"),
        ([1709251200000000000], "nanoseconds"),
        ([515, 1305, 0, 2359] * 5, "hhmm"),
    ],
)
def test_what_cannot_be_seconds_is_told_by_its_looks(values, looks):
    found = likely_format(values)
    assert found is not None
    assert looks in found[1]


@pytest.mark.parametrize("values", [[], [1709251200, 1609459200], [0, 86400, 172800], [-86400, 315532800], [7, 100000]])
def test_seconds_are_left_alone(values):
    assert likely_format(values) is None


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("%d.%m.%Y", None),
        ("iso", None),
        ("isoo", "must be one of iso"),
        ("%d.%q", "has the directive '%q', which is not known"),
        ("%d.%d", "has the directive '%d' twice"),
    ],
)
def test_a_format_that_cannot_be_read_is_refused(form, says):
    wrong = wrong_format(form)
    assert wrong is None if says is None else wrong is not None and wrong.startswith(says)


def test_a_format_holds_the_parts_that_its_directives_name():
    assert parts_of("%d.%m.%Y") == ("year", "month", "day", "weekday", "day_of_year")
    assert parts_of("%H:%M") == ("hour", "minute")
