"""True or false: words, numbers, and what is neither."""

from __future__ import annotations

from collections import Counter

import pytest

from stellwerk.errors import DataError
from stellwerk.kinds.boolean.accepting import misfit
from stellwerk.kinds.boolean.keys import Boolean

FEATURE = Boolean(type="boolean")


def test_words_and_numbers_are_zero_or_one_and_a_gap_is_told(make):
    made = make({"x": ["Yes", "n", None]}, type="boolean", missing_indicator=True)
    assert made.values() == [1.0, 0.0, 0.0]
    assert made.values("x_missing") == [0.0, 0.0, 1.0]
    assert make({"x": [1, 0]}, type="boolean").values() == [1.0, 0.0]


def test_a_value_that_is_neither_stops_the_run(make):
    with pytest.raises(DataError, match=r"features\.x: column 'x' has values that are neither true nor false: maybe"):
        make({"x": ["yes", "maybe"]}, type="boolean")


def test_a_value_that_is_neither_is_told_by_check():
    assert misfit(FEATURE, "x", Counter(["yes", " F ", "maybe"])) == (
        "type",
        "'x' has values that are neither true nor false: maybe. Use type: category or number.",
    )
    assert misfit(FEATURE, "x", Counter([0, 1, 1])) is None


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([True, False], True),
        ([0, 1, 1], True),
        ([0, 1, 2], False),
        (["yes", "no", "Yes"], True),
        (["red", "no"], False),
    ],
)
def test_a_first_spec_makes_a_boolean_of_two_values_that_say_so(propose, values, found):
    choice = propose("boolean", "flag", values)
    assert (choice is not None and choice.settings == {"type": "boolean"}) is found
