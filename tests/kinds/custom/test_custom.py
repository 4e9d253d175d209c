"""A user's own feature: called, held to its contract, and looked at again in every batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from stellwerk.errors import HookError
from stellwerk.kinds.custom.keys import Custom
from stellwerk.kinds.custom.refusing import refuse

SETTINGS = {"transform": "features.py:fn"}


def test_a_feature_with_a_transform_needs_no_type(make):
    made = make({"x": [1.0, 2.0]}, lambda columns: columns["x"] * 2, **SETTINGS)
    assert made.values() == [2.0, 4.0]
    assert made.line()["kind"] == "number"


def test_the_shape_of_what_comes_back_decides_the_form(make):
    rows = {"x": [1.0, 2.0]}
    assert make(rows, lambda columns: tf.stack([columns["x"]] * 2, axis=1), **SETTINGS).line()["kind"] == "vector"
    ids = make(rows, lambda columns: tf.cast(columns["x"], tf.int64), size=3, **SETTINGS)
    assert ids.line()["kind"] == "id"


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (lambda _: 7, "returned int. It must return one dense tensor"),
        (lambda columns: tf.cast(columns["x"], tf.int64), "returned ids, but features.x has no `size`"),
        (lambda columns: columns["y"], "failed: KeyError: 'y'. It was called with x: float32 \\[batch\\]"),
    ],
)
def test_what_a_function_must_not_do_is_one_sentence(make, hook, said):
    with pytest.raises(HookError, match=f"features.x.transform: features.py:fn {said}"):
        make({"x": [1.0]}, hook, **SETTINGS)


def test_values_that_no_network_can_learn_from_are_refused():
    custom = Custom(transform="features.py:fn", size=3)
    with pytest.raises(HookError, match="returned 1 values that are NaN or infinite in the train split"):
        refuse("x", custom, {"x": np.array([1.0, np.nan])}, {}, "train")
    with pytest.raises(HookError, match="ids from 0 to 3 in the eval split, but size: 3 means 0 to 2"):
        refuse("x", custom, {"x": np.array([0, 3])}, {"x": {"size": 3}}, "eval")
    refuse("x", custom, {"x": np.array([0, 2])}, {"x": {"size": 3}}, "train")


def test_the_function_is_a_hook_and_its_columns_stand_in_the_list_if_there_is_one():
    assert Custom(transform="features.py:fn").hooks() == {"transform": "features.py:fn"}
    assert Custom(transform="features.py:fn").key_of(0) == ()
    assert Custom(transform="features.py:fn", columns=("a",)).key_of(0) == ("columns", 0)
