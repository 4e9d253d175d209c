"""Values in the order of time: scaled by their window or by the train split."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from stellwerk.errors import DataError
from stellwerk.kinds.series.keys import Series

MISSING = float("nan")


def test_a_window_is_scaled_by_its_last_value_and_its_deviation(make):
    made = make({"x": [[1.0, 3.0, 5.0], [10.0, 10.0, 40.0]]}, type="series")
    spread = np.sqrt([8 / 3, 200.0])
    np.testing.assert_allclose(
        np.squeeze(made.values()), [[-4, -2, 0] / spread[0], [-30, -30, 0] / spread[1]], atol=1e-3
    )
    np.testing.assert_allclose(np.squeeze(made.values("x_unit")), np.stack([[5, 40], spread], axis=1), atol=1e-3)
    assert made.line() == {"name": "x", "feature": "x", "kind": "tensor", "dtype": "float32", "shape": [3, 1]}
    assert made.line("x_unit") == {"name": "x_unit", "feature": "x", "kind": "unit", "unit_of": ["x"]}


def test_a_gap_counts_as_the_last_value_that_is_known(make):
    made = make({"x": [[1.0, 3.0, MISSING], [5.0, 6.0, 7.0]]}, type="series")
    np.testing.assert_allclose(np.squeeze(made.values())[0], [-2.0, 0.0, 0.0])
    np.testing.assert_allclose(np.squeeze(made.values("x_unit"))[0], [3.0, 1.0])


def test_a_flat_window_and_one_without_values_stay_finite(make):
    made = make({"x": [[7.0, 7.0], [MISSING, MISSING], [1.0, 3.0]]}, type="series")
    assert np.isfinite(made.values()).all()
    assert np.isfinite(made.values("x_unit")).all()
    assert (np.array(made.values("x_unit"))[..., 1] > 0).all()


def test_several_columns_are_channels_scaled_by_the_train_split(make):
    rows = {"a": [[1.0, 3.0], [5.0, 7.0]], "b": [[0.0, 0.0], [2.0, MISSING]]}
    made = make(rows, type="series", columns=["a", "b"], scale="train")
    assert np.array(made.values()).shape == (2, 2, 2)
    np.testing.assert_allclose(np.array(made.values())[..., 0], (np.array(rows["a"]) - 4) / np.sqrt(5), atol=1e-3)
    assert np.array(made.values())[1, 1, 1] == 0.0


def test_the_level_of_a_window_is_told_where_it_is_asked_for(make):
    made = make({"x": [[1.0, 3.0], [5.0, 7.0]]}, type="series", level=True)
    np.testing.assert_allclose(
        np.array(made.values("x_level"))[:, 0], (np.array([3.0, 7.0]) - 4) / np.sqrt(5), atol=1e-3
    )
    assert make({"x": [[1.0, MISSING]]}, type="series", scale="none").values() == [[[1.0], [0.0]]]


def test_channels_of_different_lengths_are_refused_in_words(make):
    with pytest.raises(DataError, match="'a' has 2, 'b' has 1"):
        make({"a": [[1.0, 2.0]], "b": [[1.0]]}, type="series", columns=["a", "b"])


def test_the_level_belongs_to_windows():
    with pytest.raises(ValidationError, match="belongs to scale: window"):
        Series.model_validate({"type": "series", "scale": "train", "level": True})
