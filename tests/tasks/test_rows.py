"""Single answers: how wrong each is, and what people are told of it."""

from __future__ import annotations

import numpy as np
import pytest

from stellwerk.tasks import TASKS
from stellwerk.tasks.classes import shares


def test_losses_of_each_task():
    assert _losses("regression", [1.0, 2.0], [[1.5], [2.0]]).tolist() == [0.25, 0.0]
    assert _losses("binary", [1.0, 0.0], [[0.8], [0.8]]) == pytest.approx([-np.log(0.8), -np.log(0.2)])
    many = _losses("multiclass", [2, 0], [[0.2, 0.3, 0.5], [0.0, 0.5, 0.5]])
    assert many == pytest.approx([-np.log(0.5), -np.log(1e-7)])


def _losses(task, labels, predictions):
    return TASKS.part(task, "rows").losses(np.array(labels), np.array(predictions))


@pytest.mark.parametrize(
    ("task", "label", "given", "said"),
    [
        ("binary", 1.0, [0.25], ("yes", "no", 0.75)),
        ("multiclass", 2, [0.2, 0.7, 0.1], ("c", "b", 0.7)),
        ("regression", 3.0, [4.5], (3.0, 4.5, None)),
    ],
)
def test_what_people_are_told_of_a_row(task, label, given, said):
    classes = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"], "regression": []}[task]
    found = TASKS.part(task, "rows").said(label, np.array(given), classes)
    assert (found["actual"], found["predicted"], found["certainty"]) == said


def test_an_answer_of_one_number_is_that_of_the_second_class():
    assert shares([0.25]).tolist() == [0.75, 0.25]
    assert shares([0.5, 0.3, 0.2]).tolist() == [0.5, 0.3, 0.2]
