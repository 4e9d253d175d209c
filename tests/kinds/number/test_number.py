"""Numbers: filled in, scaled, told from names."""

from __future__ import annotations

import pytest

MISSING = float("nan")


def test_a_number_is_scaled_by_mean_and_deviation_and_a_gap_is_the_mean(make):
    made = make({"x": [1.0, 3.0, MISSING]}, type="number", missing_indicator=True)
    assert made.values() == [-1.0, 1.0, 0.0]
    assert made.values("x_missing") == [0.0, 0.0, 1.0]
    assert made.line() == {"name": "x", "feature": "x", "kind": "number", "width": 1}


def test_only_what_the_settings_need_is_measured(make):
    assert make({"x": [1.0]}, type="number", scale="none", missing=0.0).asked == ()
    assert make({"x": [1.0]}, type="number", scale="minmax", missing="median").asked == ("quantiles", "scale")


def test_buckets_are_ids(make):
    made = make({"x": [1.0, 2.0, 3.0, 4.0]}, type="number", scale="buckets", buckets=2)
    assert made.values() == [0, 1, 1, 1] or made.values() == [0, 0, 1, 1]
    assert made.line()["kind"] == "id"
    assert made.line()["size"] == 2


def test_whole_numbers_are_numbers_too(make):
    assert make({"x": [1, 3]}, type="number").values() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "values", "settings"),
    [
        ("weight", [1.5 + step for step in range(50)], {"type": "number"}),
        ("count", [*range(1, 60), None], {"type": "number", "missing": "median", "missing_indicator": True}),
        ("income", [1.0] * 10 + [10.0 + step for step in range(500)] + [1e6], {"type": "number", "scale": "log"}),
    ],
)
def test_a_first_spec_makes_quantities_of_numbers(propose, name, values, settings):
    assert propose("number", name, values).settings == settings


def test_a_first_spec_makes_no_number_of_a_text(propose):
    assert propose("number", "word", ["a", "b", "c"]) is None
