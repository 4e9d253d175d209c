"""What `init` asks of a task: whether a column suits it, what counts as positive, and what stands in the comments."""

from __future__ import annotations

import pytest
import yaml

from stellwerk.pipelines.starting import opened
from stellwerk.pipelines.starting.target import task_of
from stellwerk.spec.evaluate import Evaluate
from stellwerk.tasks import TASKS

COLUMNS = {
    "flag": [0, 1],
    "answer": ["good", "ugly"],
    "species": ["a", "b", "c"],
    "label": [0, 1, 2, 3],
    "gaps": [0, 3, 7, 9],
    "price": [1.5, 2.5, 3.25],
}
ROWS = 60


@pytest.fixture
def survey(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [",".join(COLUMNS)]
    lines += [",".join(str(values[row % len(values)]) for values in COLUMNS.values()) for row in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    with opened(["rows.csv"], tmp_path) as found:
        yield found.survey


@pytest.mark.parametrize(
    ("column", "task"),
    [
        ("flag", "binary"),
        ("answer", "binary"),
        ("species", "multiclass"),
        ("label", "multiclass"),
        ("gaps", "regression"),
        ("price", "regression"),
    ],
)
def test_the_first_task_that_a_column_suits_is_the_guess(survey, column, task):
    assert task_of(survey, survey.column(column)) == task


def test_a_column_that_cannot_be_a_target_of_the_task_is_refused(survey):
    assert "has 3 values" in TASKS.part("binary", "start").refused(survey.column("species"))
    assert "holds texts" in TASKS.part("regression", "start").refused(survey.column("species"))
    assert TASKS.part("multiclass", "start").refused(survey.column("species")) is None


def test_of_two_words_the_one_that_means_yes_is_positive(survey):
    assert TASKS.part("binary", "start").positive(survey, survey.column("answer")) == "good"
    assert TASKS.part("binary", "start").positive(survey, survey.column("flag")) is None


def test_the_comment_says_what_the_column_holds(survey):
    assert TASKS.part("binary", "start").described(survey, survey.column("flag")) == "0 (50.0%), 1 (50.0%)."
    assert (
        TASKS.part("regression", "start").described(survey, survey.column("gaps")).startswith("a quantity from 0 to 9")
    )


@pytest.mark.parametrize("task", tuple(TASKS))
def test_the_gate_that_is_proposed_is_one(task):
    start = TASKS.part(task, "start")
    gate = yaml.safe_load(start.GATE)
    assert Evaluate(require=gate).require
    assert 0.9 < start.SUSPECT < start.CERTAIN < 1
