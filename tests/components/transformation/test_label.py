"""The label, and the classes that steps agree on."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stellwerk.errors import DataError
from stellwerk.tasks import TASKS

ONE_NUMBER = {"x": {"type": "number"}}


def _run(run_transform, values, kind, **more):
    rows = {"x": pa.array([float(row) for row in range(len(values))]), "y": values}
    return run_transform(rows, ONE_NUMBER, {"column": "y", "type": kind, **more})


@pytest.mark.parametrize(
    ("values", "more", "classes", "labels"),
    [
        (pa.array([0, 1, 1]), {}, ["0", "1"], [0, 1, 1]),
        (pa.array([1.0, 2.0, 2.0]), {"positive": 1}, ["2", "1"], [1, 0, 0]),
        (pa.array(["yes", "No ", "YES", "yes"]), {}, ["No ", "yes"], [1, 0, 1, 1]),
        (pa.array(["cat", "dog", "cat"]), {"positive": "cat"}, ["dog", "cat"], [1, 0, 1]),
    ],
)
def test_a_binary_label_is_one_for_the_positive_class(run_transform, values, more, classes, labels):
    made = _run(run_transform, values, "binary", **more)
    assert made.description["label"] == {"name": "y", "output": "label", "type": "binary", "classes": classes}
    assert made.values("label") == labels
    assert TASKS.part("binary", "label").encode(values, classes).tolist() == labels


@pytest.mark.parametrize(
    ("values", "classes", "labels"),
    [
        (pa.array(["b", "a", "ç", "b"]), ["a", "b", "ç"], [1, 0, 2, 1]),
        (pa.array([10, 9, -1, 10]), ["-1", "9", "10"], [2, 1, 0, 2]),
    ],
)
def test_a_multiclass_label_is_the_place_in_the_sorted_classes(run_transform, values, classes, labels):
    made = _run(run_transform, values, "multiclass")
    assert made.description["label"]["classes"] == classes
    assert made.values("label") == labels
    assert str(made.table().schema.field("label").type) == "int64"
    assert TASKS.part("multiclass", "label").encode(values, classes).tolist() == labels


def test_a_regression_label_is_the_number_itself(run_transform):
    made = _run(run_transform, pa.array([1, -2, 300]), "regression")
    assert made.description["label"]["classes"] == []
    assert made.values("label") == [1, -2, 300]


def test_the_graph_serves_without_the_label(run_transform):
    made = _run(run_transform, pa.array(["a", "b"]), "multiclass")
    assert set(made.serve(x=[1.0])) == {"x"}
    assert made.description["inputs"] == {"x": "float"}


def test_a_class_that_only_the_eval_split_has_is_a_class(run_transform):
    train, other = {"x": [1.0, 2.0], "y": ["a", "b"]}, {"x": [3.0], "y": ["c"]}
    made = run_transform(None, ONE_NUMBER, {"column": "y", "type": "multiclass"}, train=train, eval=other, test=other)
    assert made.description["label"]["classes"] == ["a", "b", "c"]
    assert made.values("label", "eval") == [2]


@pytest.mark.parametrize(
    ("values", "kind", "says"),
    [
        (pa.array([1, 1, 1]), "binary", "only one value (1)"),
        (pa.array(["a", "b", "c"]), "binary", "is binary but has 3 values: 'a', 'b', 'c'"),
        (pa.array([1.5, 2.5, 2.5]), "binary", "fractions"),
        (pa.array(["a", None, "b"]), "multiclass", "missing or not finite in 1 "),
        (pa.array([1.0, float("nan"), float("inf")]), "regression", "missing or not finite in 2 "),
        (pa.array([2.0, 2.0, 2.0]), "regression", "only one value (2)"),
        (pa.array(["a", "b", "c"]), "regression", "is text, but a regression needs numbers"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(run_transform, values, kind, says):
    with pytest.raises(DataError) as refused:
        _run(run_transform, values, kind)
    assert says in str(refused.value)
    assert "'y'" in str(refused.value)


def test_a_target_that_is_not_there_is_refused(run_transform):
    with pytest.raises(DataError, match=r"no column 'z'.*Did you mean 'zz'"):
        run_transform({"x": [1.0], "zz": [1]}, ONE_NUMBER, {"column": "z", "type": "binary"})
