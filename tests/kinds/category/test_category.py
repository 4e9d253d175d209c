"""Categories: ids by frequency, or hashes; proposed for codes and for texts that come again."""

from __future__ import annotations

import pytest


def test_the_most_frequent_value_is_first_and_what_is_missing_is_out_of_vocabulary(make):
    made = make({"x": ["b", "a", "b", None]}, type="category")
    assert made.values() == [0, 1, 0, 2]
    assert made.line() == {"name": "x", "feature": "x", "kind": "id", "size": 3, "embedding": 3, "cross": False}


def test_a_hash_measures_nothing_and_stays_within_its_size(make):
    made = make({"x": [str(number) for number in range(50)]}, type="category", hash=7)
    assert made.asked == ()
    assert set(made.values()) <= set(range(7))


def test_codes_are_names_of_whole_numbers(make):
    assert make({"x": [8, 7, 8]}, type="category").values() == [0, 1, 0]


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("zip_code", [1000 + step % 30 for step in range(90)], True),
        ("weight", [1000 + step % 30 for step in range(90)], False),
        ("colour", ["red", "green", "blue"] * 30, True),
        ("remark", [f"remark {step}" for step in range(90)], False),
        ("city", [f"town {step % 40}" for step in range(90)], True),
    ],
)
def test_a_first_spec_makes_categories_of_codes_and_of_texts_that_repeat(propose, name, values, found):
    choice = propose("category", name, values)
    assert (choice is not None and choice.settings == {"type": "category"}) is found
