"""Features by pattern: which columns an entry means."""

from __future__ import annotations

import pytest

from stellwerk.kinds.category.keys import Category
from stellwerk.kinds.number.keys import Number
from stellwerk.spec.features.patterns import Names, expand, is_pattern

NUMBER, CATEGORY = Number(type="number"), Category(type="category")
COLUMNS = ["id", "pixel_0", "pixel_1", "pixel_10", "pixel_y", "digit"]


def test_a_pattern_means_every_column_that_is_called_so_in_their_order():
    made = expand({"pixel_*": NUMBER}, COLUMNS, ["digit"])
    assert list(made) == ["pixel_0", "pixel_1", "pixel_10", "pixel_y"]
    assert set(made.values()) == {NUMBER}


def test_a_feature_that_is_named_wins_over_a_pattern_and_so_does_one_that_reads_the_column():
    other = Category(type="category", column="pixel_1")
    made = expand({"pixel_*": NUMBER, "pixel_0": CATEGORY, "first": other}, COLUMNS, ["digit"])
    assert made == {"pixel_10": NUMBER, "pixel_y": NUMBER, "pixel_0": CATEGORY, "first": other}


def test_of_two_patterns_the_one_that_says_more_wins_whatever_their_order():
    patterns = {"pixel_*": NUMBER, "pixel_1?": CATEGORY}
    for features in (patterns, dict(reversed(patterns.items()))):
        made = expand(features, COLUMNS, ["digit"])
        assert made["pixel_10"] == CATEGORY
        assert made["pixel_1"] == NUMBER


def test_no_pattern_means_the_target_or_what_splits_the_rows():
    assert list(expand({"*": NUMBER}, COLUMNS, ["digit", "id"])) == ["pixel_0", "pixel_1", "pixel_10", "pixel_y"]


def test_a_column_with_a_star_in_its_name_is_named_by_column():
    stars = Number(type="number", column="a*")
    assert not is_pattern("a*", stars)
    assert expand({"a*": stars}, ["a*", "ab"], []) == {"a*": stars}


@pytest.mark.parametrize(
    ("column", "meant"),
    [("a_1", True), ("x", True), ("a_b_1", False), ("a_3", False), ("y", False), ("z", False)],
)
def test_names_hold_the_columns_that_no_other_name_or_pattern_decides_about(column, meant):
    numbers = Names.of(["a_*", "x"], apart=["a_*", "x", "a_b_*", "a_3", "y"])
    assert (column in numbers) is meant
