"""Crosses: columns joined and hashed."""

from __future__ import annotations

from stellwerk.kinds.cross.keys import Cross

PAIRS = {"a": ["a", "ab", "a"], "b": ["bc", "c", "bc"]}


def test_pairs_are_told_apart_and_equal_ones_are_equal(make):
    made = make(PAIRS, type="cross", columns=["a", "b"], buckets=1000)
    first, other, again = made.values()
    assert first == again != other
    assert made.asked == ()
    assert made.line()["cross"] is True


def test_a_problem_with_a_column_is_at_its_place_in_the_list():
    assert Cross(type="cross", columns=("a", "b")).key_of(1) == ("columns", 1)
