"""What each feature type makes of raw values, in training and at serving."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

NAN = float("nan")
MISSING = -(2**63)


@pytest.fixture(scope="module")
def numbers(run_transform):
    rows = {
        "x": pa.array([1.0, 2.0, None, 6.0, 7.0], pa.float32()),
        "n": pa.array([0, 10, 20, None, 30]),
        "wild": pa.array([math.inf, 1.0, NAN, 3.0, -math.inf], pa.float32()),
        "same": pa.array([5.0] * 5),
        "void": pa.array([None] * 5, pa.float32()),
        "long": pa.array([float(n) for n in (1, 2, 3, 4, 100)]),
    }
    features = {
        "standard": {"type": "number", "column": "x", "missing_indicator": True},
        "minmax": {"type": "number", "column": "n", "scale": "minmax", "missing": 15},
        "log": {"type": "number", "column": "long", "scale": "log"},
        "buckets": {"type": "number", "column": "n", "scale": "buckets", "buckets": 2, "missing": "median"},
        "plain": {"type": "number", "column": "x", "scale": "none", "missing": "median"},
        "wild": {"type": "number", "scale": "none"},
        "same": {"type": "number"},
        "void": {"type": "number"},
        "void_buckets": {"type": "number", "column": "void", "scale": "buckets"},
    }
    return run_transform(rows, features)


def test_standard_scales_by_mean_and_population_deviation_and_a_gap_becomes_zero(numbers):
    deviation = math.sqrt(6.5)
    expected = [-3 / deviation, -2 / deviation, 0, 2 / deviation, 3 / deviation]
    assert numbers.values("standard") == pytest.approx(expected, abs=1e-6)


def test_the_indicator_is_one_where_the_value_was_missing(numbers):
    assert numbers.values("standard_missing") == [0, 0, 1, 0, 0]
    assert numbers.features["standard_missing"] == {
        "name": "standard_missing",
        "feature": "standard",
        "kind": "number",
        "width": 1,
    }


def test_minmax_scales_to_zero_and_one_and_a_constant_fills_gaps(numbers):
    assert numbers.values("minmax") == pytest.approx([0, 1 / 3, 2 / 3, 0.5, 1])


def test_log_keeps_order_and_has_mean_zero(numbers):
    values = numbers.values("log")
    logs = np.log1p([1, 2, 3, 4, 100])
    assert values == pytest.approx((logs - logs.mean()) / logs.std(), abs=1e-6)


def test_buckets_are_quantiles_with_ids(numbers):
    assert numbers.values("buckets") == [0, 0, 1, 1, 1]
    assert numbers.features["buckets"]["kind"] == "id"
    assert numbers.features["buckets"]["size"] == 2


def test_the_median_fills_gaps(numbers):
    filled = numbers.values("plain")
    assert filled[:2] + filled[3:] == [1, 2, 6, 7]
    assert filled[2] in (2, 6)


def test_infinite_and_nan_count_as_missing(numbers):
    assert numbers.values("wild") == [2, 1, 2, 3, 2]


def test_a_constant_column_becomes_zero(numbers):
    assert numbers.values("same") == [0] * 5


def test_a_column_without_any_value_becomes_zero(numbers):
    assert numbers.values("void") == [0] * 5
    assert numbers.values("void_buckets") == [0] * 5
    assert numbers.features["void_buckets"]["size"] == 1


def test_missing_at_serving_is_nan_and_gives_what_training_saw(numbers):
    served = numbers.serve(x=[NAN], n=[NAN], wild=[NAN], same=[NAN], void=[NAN], long=[NAN])
    assert served["standard"].tolist() == [0]
    assert served["standard_missing"].tolist() == [1]
    assert served["minmax"].tolist() == [0.5]


@pytest.fixture(scope="module")
def categories(run_transform):
    rows = {
        "colour": pa.array(["red", "red", "blue", "red", None, "", " ", "blue", "gr\nün", "Ünï"]),
        "code": pa.array([7, 7, 7, -1, -1, None, 5, 5, 5, 9]),
        "void": pa.array([None] * 10, pa.string()),
    }
    features = {
        "colour": {"type": "category"},
        "top": {"type": "category", "column": "colour", "vocabulary": 1, "oov": 3, "embedding": 5},
        "often": {"type": "category", "column": "colour", "min_count": 2},
        "hashed": {"type": "category", "column": "colour", "hash": 50},
        "code": {"type": "category"},
        "code_number": {"type": "number", "column": "code", "scale": "none", "missing": -100},
        "void": {"type": "category"},
        "pair": {"type": "cross", "columns": ["colour", "code"], "buckets": 100},
    }
    return run_transform(rows, features)


def test_the_most_frequent_category_is_first_and_ties_go_by_name(categories):
    assert categories.values("colour") == [0, 0, 1, 0, 4, 4, 2, 1, 4, 3]
    assert categories.features["colour"]["size"] == 5


def test_an_unknown_category_goes_to_oov(categories):
    served = categories.serve(colour=["mauve", ""], code=[123, MISSING], void=["x", ""])
    assert served["colour"].tolist() == [4, 4]
    assert served["code"].tolist() == [4, 4]
    assert served["void"].tolist() == [0, 0]


def test_top_keeps_one_value_and_hashes_the_rest_to_three_ids(categories):
    assert categories.features["top"] == {
        "name": "top",
        "feature": "top",
        "kind": "id",
        "size": 4,
        "embedding": 5,
        "cross": False,
    }
    values = categories.values("top")
    assert values[0] == 0
    assert {values[2], values[4], values[6]} <= {1, 2, 3}


def test_rare_values_are_out_of_vocabulary(categories):
    assert categories.features["often"]["size"] == 3
    assert categories.values("often")[-1] == 2


def test_whole_numbers_are_categories_and_numbers_at_once(categories):
    assert categories.description["inputs"]["code"] == "int64"
    assert categories.values("code") == [1, 1, 1, 2, 2, 4, 0, 0, 0, 3]
    assert categories.values("code_number") == [7, 7, 7, -1, -1, -100, 5, 5, 5, 9]
    assert categories.serve(colour=[""], code=[MISSING], void=[""])["code_number"].tolist() == [-100]


def test_a_hash_keeps_within_its_size_and_is_the_same_at_serving(categories):
    values = categories.values("hashed")
    assert categories.features["hashed"]["size"] == 50
    assert all(0 <= value < 50 for value in values)
    assert categories.serve(colour=["red"], code=[1], void=[""])["hashed"].tolist() == [values[0]]


def test_a_column_without_any_value_is_all_out_of_vocabulary(categories):
    assert categories.values("void") == [0] * 10
    assert categories.features["void"]["size"] == 1


def test_a_cross_tells_pairs_apart(categories):
    values = categories.values("pair")
    assert values[0] == values[1]
    assert len(set(values)) > 5
    assert categories.features["pair"]["cross"] is True
    assert categories.features["pair"]["size"] == 100


def test_the_default_embedding_grows_with_the_fourth_root(categories):
    assert categories.features["colour"]["embedding"] == math.ceil(2 * 5**0.25)


@pytest.fixture(scope="module")
def booleans(run_transform):
    rows = {
        "flag": pa.array([0, 1, None, 1]),
        "word": pa.array(["Yes", " no ", None, "TRUE"]),
        "letter": pa.array(["t", "F", "", "n"]),
        "float": pa.array([1.0, NAN, None, 0.0]),
    }
    features = {
        "flag": {"type": "boolean", "missing_indicator": True},
        "word": {"type": "boolean"},
        "letter": {"type": "boolean", "missing": True},
        "float": {"type": "boolean", "missing": True},
    }
    return run_transform(rows, features)


def test_numbers_and_words_become_zero_and_one(booleans):
    assert booleans.values("flag") == [0, 1, 0, 1]
    assert booleans.values("flag_missing") == [0, 0, 1, 0]
    assert booleans.values("word") == [1, 0, 0, 1]
    assert booleans.values("letter") == [1, 0, 1, 0]
    assert booleans.values("float") == [1, 1, 1, 0]


def test_a_strange_word_at_serving_counts_as_missing(booleans):
    served = booleans.serve(flag=[NAN, 7.0], word=["perhaps", "y"], letter=["perhaps", "0"], float=[NAN, 0.0])
    assert served["flag_missing"].tolist() == [1, 1]
    assert served["word"].tolist() == [0, 1]
    assert served["letter"].tolist() == [1, 0]
