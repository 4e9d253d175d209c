"""What is asked of the target beyond the schema."""

from __future__ import annotations

import pytest

from stellwerk.spec import Target


@pytest.mark.parametrize("values", [[1] * 400, ["yes"] * 400, [1.0] * 400], ids=["integer", "text", "float"])
def test_a_target_with_one_value_stops_the_run(validated, plain, values):
    outcome = validated(plain(late=values), target=Target(column="late", type="binary"))
    row = outcome.row("train", "late")
    assert (row["kind"], row["examples"], row["share"]) == ("TARGET_ONE_CLASS", 320, 1.0)
    assert "Nothing can be learned" in str(outcome.refused)


def test_a_binary_target_with_three_values_stops_the_run(validated, plain):
    row = validated(plain(late=[n % 3 for n in range(400)])).row("train", "late")
    assert row["kind"] == "TARGET_MANY_CLASSES"


@pytest.mark.parametrize("kind", [int, lambda n: f"class {n}"], ids=["integer", "text"])
def test_a_class_that_train_does_not_have_stops_the_run_and_is_told_once(validated, plain, kind):
    seen, more = [kind(n % 3) for n in range(400)], [kind(n % 3) for n in range(398)] + [kind(7)] * 2
    splits = {"train": plain(late=seen), "eval": plain(late=seen), "test": plain(late=more)}
    outcome = validated(splits=splits, target=Target(column="late", type="multiclass"))
    assert len(outcome.rows) == 1
    assert outcome.row("test", "late")["examples"] == 2


def test_a_regression_target_of_texts_stops_the_run(validated, plain):
    outcome = validated(plain(), target=Target(column="carrier", type="regression"))
    assert outcome.row("train", "carrier")["kind"] == "TARGET_NOT_NUMERIC"


def test_a_regression_target_of_numbers_passes(validated, plain):
    assert validated(plain(), target=Target(column="distance", type="regression")).rows == []
