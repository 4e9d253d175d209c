"""Moments: taken apart, checked by their format, shown as moments."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from stellwerk.errors import DataError
from stellwerk.kinds.time.accepting import misfit
from stellwerk.kinds.time.keys import Time
from stellwerk.kinds.time.showing import way

SIX = ["2013-01-01T06:00:00Z", "2013-01-01T18:00:00Z", None]


def test_a_part_is_a_place_on_a_circle_and_a_missing_one_its_middle(make):
    made = make({"x": SIX}, type="time", parts=["hour"])
    assert made.values("x_hour_sin") == [1.0, -1.0, 0.0]
    assert made.values("x_hour_cos") == [0.0, 0.0, 0.0]


def test_a_part_may_be_an_id(make):
    made = make({"x": SIX}, type="time", parts=["hour"], encoding="category")
    assert made.values("x_hour") == [6, 18, 24]
    assert made.line("x_hour")["size"] == 25


def test_texts_that_are_no_moments_stop_the_run(make):
    with pytest.raises(DataError, match=r"features\.x: only 0% of the values in column 'x' are times of format iso"):
        make({"x": ["soon", "later"]}, type="time")


@pytest.mark.parametrize(
    ("form", "values", "told"),
    [
        (None, ["2013-01-01"], None),
        (None, ["soon", "later", "2013-01-01"], "only 33% of the values in 'x' are times of format iso"),
        ("iso", [20130101], "iso is text"),
        (None, [20130101, 20130102], "which look like dates written as digits"),
        ("hhmm", [515, 2359], None),
    ],
)
def test_check_looks_at_values_by_the_format(form, values, told):
    found = misfit(Time(type="time", format=form), "x", Counter(values))
    assert found is None if told is None else found[0] == "format" and told in found[1]


def test_seconds_are_shown_as_moments_and_written_ones_as_they_are():
    assert way({"type": "time"}) == "moment"
    assert way({"type": "time", "format": "hhmm"}) == "quantity"


def test_a_first_spec_reads_the_formats_of_people_and_takes_the_parts_that_vary(propose):
    days = [datetime(2013, 1, 1) + timedelta(days=step) for step in range(90)]
    choice = propose("time", "day", [day.strftime("%d.%m.%Y") for day in days])
    assert choice.settings == {"type": "time", "format": "%d.%m.%Y", "parts": ["month", "weekday"]}
    assert propose("time", "word", ["a", "b"] * 20) is None
