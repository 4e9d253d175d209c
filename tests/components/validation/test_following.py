"""An inferred schema: columns that deal the rows, follow from these, or are named by nothing, may hold values that train does not."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.validation.following import open_columns
from stellwerk.components.validation.work import validate
from stellwerk.errors import GateRefused
from stellwerk.spec import Target, Validate

START = datetime(2022, 1, 1)
SPLITS = ("train", "eval", "test")


@pytest.fixture
def refused(tmp_path, make_examples):
    """Runs the step on splits that were dealt as `split` says; returns the columns that it refuses."""

    def run(split, named, **columns_of):
        examples = make_examples(tmp_path / "examples", **{name: columns_of[name] for name in SPLITS})
        manifest = json.loads((examples / "dataset.json").read_text())
        (examples / "dataset.json").write_text(json.dumps({**manifest, "split": split}))
        try:
            validate(
                settings=Validate(),
                target=Target(column="y", type="binary"),
                examples=examples,
                statistics=tmp_path / "statistics",
                schema=tmp_path / "schema",
                anomalies=tmp_path / "anomalies",
                named=named,
            )
        except GateRefused:
            rows = json.loads((tmp_path / "anomalies" / "anomalies.json").read_text())["anomalies"]
            return {row["column"] for row in rows}
        return set()

    return run


def days(first: int, rows: int) -> dict[str, list]:
    moments = [START + timedelta(days=first + number) for number in range(rows)]
    return {
        "since": [int(moment.timestamp()) for moment in moments],
        "quarter": [f"{moment.year}Q{(moment.month + 2) // 3}" for moment in moments],
        "plan": [("basic", "plus", "pro")[number % 3] for number in range(rows)],
        "y": [number % 2 for number in range(rows)],
    }


def test_a_period_of_a_time_split_has_other_values_later(refused):
    split, named = {"by": "time", "column": "since"}, ["since", "quarter", "plan", "y"]
    assert refused(split, named, train=days(0, 540), eval=days(540, 120), test=days(660, 120)) == set()


def test_values_of_another_column_are_still_held_to_those_of_the_train_split(refused):
    split, named = {"by": "time", "column": "since"}, ["since", "quarter", "plan", "y"]
    later = {**days(540, 120), "plan": ["unheard"] * 120}
    assert refused(split, named, train=days(0, 540), eval=later, test=days(660, 120)) == {"plan"}


def test_a_column_that_nothing_names_stops_nothing(refused):
    split, named = {"by": "hash", "key": []}, ["since", "quarter", "y"]
    later = {**days(0, 120), "plan": ["unheard"] * 120}
    assert refused(split, named, train=days(0, 540), eval=later, test=days(0, 120)) == set()


def test_the_column_that_deals_the_rows_holds_another_value_in_each_split(refused):
    split = {"by": "column", "column": "part"}
    given = {name: {**days(0, 300), "part": [name] * 300} for name in SPLITS}
    assert refused(split, ["part", "plan", "y"], **given) == set()


def machines(first: int, of_each: int, count: int) -> dict[str, list]:
    rows = [number for number in range(first, first + count) for _ in range(of_each)]
    return {
        "machine": [f"m{number}" for number in rows],
        "model": [f"model {number // 2}" for number in rows],
        "shift": [("early", "late")[place % 2] for place in range(len(rows))],
        "y": [place % 2 for place in range(len(rows))],
    }


def test_what_comes_with_the_key_may_be_new(tmp_path, make_examples):
    path = make_examples(tmp_path / "examples", machines(0, 40, 10))
    manifest = json.loads((path / "dataset.json").read_text())
    (path / "dataset.json").write_text(json.dumps({**manifest, "split": {"by": "hash", "key": ["machine"]}}))
    assert open_columns(Examples.open(path), ["machine", "model", "shift"]) == {"machine", "model"}


def test_a_key_of_its_own_for_every_row_tells_nothing(tmp_path, make_examples):
    rows = {**machines(0, 1, 400), "shift": ["early", "late"] * 200}
    path = make_examples(tmp_path / "examples", rows)
    manifest = json.loads((path / "dataset.json").read_text())
    (path / "dataset.json").write_text(json.dumps({**manifest, "split": {"by": "hash", "key": ["machine"]}}))
    assert open_columns(Examples.open(path), ["shift"]) == set()
