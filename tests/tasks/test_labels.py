"""Labels and classes on which steps agree, each task by itself."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.errors import DataError
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS, about
from stellwerk.tasks.binary import label as binary
from stellwerk.tasks.classes import class_called, is_words, word_sides
from stellwerk.tasks.labels import Labels
from stellwerk.tasks.multiclass import label as multiclass
from stellwerk.tasks.quantities import lost_in_32_bits


def _column(task, values):
    """Values of a target, a list a row where it has lists."""
    if about(task).several:
        return pa.array([None if value is None else "0|1" if value else "0" for value in values], pa.string())
    column = pa.array(values, pa.int64())
    if not about(task).many:
        return column
    return pa.array([[value, value] for value in values], pa.list_(pa.float32(), 2))


def _target(kind="binary", **more):
    return Target(column="y", type=kind, **more)


def test_a_positive_value_that_does_not_occur_is_refused():
    with pytest.raises(DataError, match="Did you mean 'late'"):
        binary.find_classes(Counter({"late": 2, "fine": 3}), _target(positive="lat"))


def test_of_many_words_for_true_and_false_the_most_frequent_name_the_classes():
    assert binary.find_classes(Counter({"yes": 3, "Yes": 5, "no": 2}), _target()) == ["no", "Yes"]
    assert binary.find_classes(Counter({"yes": 3, "no": 2}), _target(positive="false")) == ["yes", "no"]


def test_classes_are_sorted_as_numbers_where_they_are():
    assert multiclass.find_classes(Counter(["10", "9", "-1"]), _target("multiclass")) == ["-1", "9", "10"]


def test_more_classes_than_a_network_can_have_are_a_quantity():
    with pytest.raises(DataError, match=r"more than 10000\. Is it a quantity"):
        multiclass.find_classes(Counter(map(str, range(10_001))), _target("multiclass"))


def test_what_is_no_class_encodes_as_nothing():
    assert np.isnan(binary.encode(pa.array(["x", None]), ["a", "b"])).all()
    assert multiclass.encode(pa.array(["x", None]), ["a", "b"]).tolist() == [-1, -1]


@pytest.mark.parametrize("task", tuple(TASKS))
def test_what_encodes_as_nothing_is_not_known(task):
    label = TASKS.part(task, "label")
    assert label.known(label.encode(_column(task, [None, None]), ["0", "1"])).tolist() == [False, False]


@pytest.mark.parametrize("task", tuple(TASKS))
def test_answers_seen_apart_are_those_seen_together(task):
    label, target = TASKS.part(task, "label"), _target(task)
    columns = [_column(task, [0, 1, 1]), _column(task, [1, 0])]
    whole, first, second, read = (label.answers(target) for _ in range(4))
    for column in columns:
        whole.add(column)
    first.add(columns[0])
    second.add(columns[1])
    first.merge(second)
    read.restore(first.as_json())
    assert whole.classes() == first.classes() == read.classes()


@pytest.mark.parametrize("task", tuple(TASKS))
def test_a_target_of_one_value_is_refused_whichever_task_it_is(task):
    label, target = TASKS.part(task, "label"), _target(task)
    answers = label.answers(target)
    answers.add(_column(task, [1, 1]))
    with pytest.raises(DataError, match="only one value"):
        answers.classes()
    with pytest.raises(DataError, match="nothing to learn"):
        label.measured([np.ones((3, 2)) if about(task).many or about(task).several else np.ones(3)], target, ["0", "1"])


def test_the_trivial_model_answers_shares_or_the_mean():
    counts = Labels(4, np.array([3.0, 1.0]))
    assert binary.trivial(counts) == [0.25]
    assert multiclass.trivial(counts) == [0.75, 0.25]
    assert TASKS.part("regression", "label").trivial(Labels(4, np.empty(0), 7.5, 2.0)) == [7.5]


def test_words_for_true_and_false_are_one_class_each():
    assert is_words(["no", "YES"])
    assert not is_words(["no", "0"])
    assert class_called("true", ["no", "yes"]) == "yes"
    assert class_called("maybe", ["no", "yes"]) is None
    assert "t" in word_sides(["0", "1"])[1]


def test_differences_that_32_bits_lose_are_told():
    assert lost_in_32_bits("y", 0.0, 100.0, 5.0) is None
    assert "Subtract a constant" in str(lost_in_32_bits("y", 1e9, 1e9 + 50, 10.0))
