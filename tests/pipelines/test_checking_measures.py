"""`check` holds what is asked of a model, and of the data, against the rows: whether it can be measured, met, or missed at all."""

from __future__ import annotations

import pytest

from stellwerk.errors import SpecError


def rows(left="{half}", part="train", count: int = 300) -> str:
    def row(number: int) -> str:
        values = {"half": number % 2, "rare": int(number % 100 == 0), "third": number % 3, "n": number}
        where = "test" if number % 5 == 4 else "eval" if number % 5 == 3 else "train"
        return f"{number},p{number % 4},{left.format(**values)},{part.format(where=where, n=number)}"

    return "\n".join(["age,plan,left,part", *map(row, range(count)), ""])


BY_PART = "data.split={by: column, column: part}"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluate.require={accuracy: {min: 85}}", "require.accuracy.min: no model reaches it: accuracy is 1 at most. Received: 85. Is 0.85 meant?"),
        ("evaluate.require={log_loss: {max: -1}}", "log_loss is 0 at least. Received: -1"),
        ("evaluate.require={auc: {over: linear, by: 2}}", "no model is better by so much: auc lies between 0 and 1. Received: 2"),
        ("evaluate={slices: [[plan]], require: {auc: {per_slice: {min: 70}}}}", "per_slice.min: no model reaches it: auc is 1 at most. Received: 70. Is 0.7 meant?"),
    ],
)  # fmt: skip
def test_what_no_model_can_reach_is_told_without_the_data(checked, override: str, said: str):
    with pytest.raises(SpecError) as refused:
        checked(rows(), override)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("data", "overrides", "said"),
    [
        (
            rows(part="{where}", left="{half}").replace(",0,test", ",1,test"),
            ("evaluate.require={auc: {min: 0.7}}", BY_PART),
            "evaluate.require.auc: cannot be measured: all 60 rows of test are of the class '1'",
        ),
        (
            rows(part="{where}", left="{half}").replace(",1,train", ",0,train"),
            (BY_PART,),
            "no row of train has the class '1' of 'left' (rows: eval 30, test 30), so the data would be refused",
        ),
        (
            rows(),
            ("data.split={by: time, column: age, eval_from: 1000, test_from: 2000}",),
            "no rows for eval (rows: train 300, eval 0, test 0). 'age' goes from 0 to 299",
        ),
        (rows(), ("data.split={by: hash, key: [part]}",), "part has too few different values"),
        (
            rows(count=4),
            (),
            "equal rows stay together, and there are too few different ones. Raise its share, or use stratify: left",
        ),
        (
            rows(part="{where}"),
            (BY_PART, "validate.skew={part: {l_infinity: 0.2}}"),
            "validate.skew.part: the rows are split by 'part', so it differs between the splits in every run",
        ),
    ],
)
def test_what_cannot_be_measured_is_told(checked, data: str, overrides: tuple[str, ...], said: str):
    problems, _ = checked(data, *overrides)
    assert len(problems) == 1, problems
    assert said in problems[0]


@pytest.mark.parametrize(
    ("data", "overrides", "said"),
    [
        (
            rows(part="{where}", left="{half}").replace(",0,test", ",1,test"),
            (BY_PART,),
            "all 60 rows of test are of the class '1', so auc cannot be measured there",
        ),
        (
            rows(left="{rare}"),
            ("data.split={by: hash, stratify: left}", "evaluate.require={accuracy: {min: 0.9}}"),
            "0.9 asks nothing: whoever always answers '0'",
        ),
        (
            rows(left="{n}"),
            ("target.type=regression", "evaluate.require={rmse: {max: 500}}"),
            "rmse: 500 asks nothing: whoever always answers the mean",
        ),
        (rows(part="id{n}"), ("validate.drift={part: {l_infinity: 0.2}}",), "no value's share can move"),
        (rows(part="id{n}"), ("evaluate.slices=[[part]]",), "so a slice is a row"),
        (rows(), ("evaluate={slices: [[plan]], min_slice_size: 500}",), "no slice is asked anything"),
    ],
)
def test_what_asks_nothing_is_a_note(checked, data: str, overrides: tuple[str, ...], said: str):
    problems, notes = checked(data, *overrides)
    assert problems == []
    assert any(said in note for note in notes), notes


def test_what_can_be_asked_is_neither(checked):
    asked = "evaluate={slices: [[plan]], require: {auc: {min: 0.6, per_slice: {min: 0.5}}, accuracy: {min: 0.7}}}"
    assert checked(rows(), asked, "validate.drift={plan: {l_infinity: 0.2}, age: {jensen_shannon: 0.2}}") == ([], [])


@pytest.mark.parametrize("words", [("yes", "No"), ("true", "FALSE"), ("1.0", "0.0"), ("Y", "n")])
def test_words_for_the_same_class_are_one(checked, words: tuple[str, str]):
    data = rows(part="{where}").replace(",1,test", f",{words[0]},test").replace(",0,test", f",{words[1]},test")
    problems, _ = checked(data, BY_PART, "evaluate.require={auc: {min: 0.6}}")
    assert problems == []
