"""What the model looks at, and the rows on which it is most wrong, held against the same computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation import explaining
from stellwerk.components.evaluation import importance as measuring
from stellwerk.components.evaluation.losses import losses, together

KINDS = ["binary", "multiclass", "regression"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_is_the_loss_that_the_evaluation_measured(run, kind):
    done = run(kind, {"metrics": ["rmse" if kind == "regression" else "log_loss"]})
    found = done.evaluation["importance"]
    measured = done.evaluation["slices"][0]["metrics"][found["metric"]]
    assert found["rows"] == 600
    assert found["base"] == pytest.approx(measured, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_column_that_decides_is_the_most_important(run, kind):
    columns = run(kind).evaluation["importance"]["columns"]
    assert [row["column"] for row in columns] == ["distance", "carrier"]
    assert columns[0]["mean"] > 2 * abs(columns[1]["mean"])
    assert 0 < columns[0]["deviation"] < columns[0]["mean"]


def test_a_column_that_the_model_does_not_use_has_no_importance(run, make_model, tmp_path):
    blind = make_model(tmp_path / "blind", "binary", [0.0], [0.2])
    columns = {row["column"]: row for row in run("binary", model=str(blind)).evaluation["importance"]["columns"]}
    assert columns["distance"]["mean"] == pytest.approx(0, abs=1e-6)
    assert columns["distance"]["deviation"] == pytest.approx(0, abs=1e-6)


def test_two_evaluations_of_the_same_model_say_the_same(run):
    assert run("binary").evaluation["importance"] == run("binary").evaluation["importance"]


def test_a_model_that_cannot_be_explained_is_judged_and_a_warning_says_so(run, make_model, tmp_path):
    done = run(
        "binary", model=str(make_model(tmp_path / "small", "binary", most=1_000))
    )  # an explanation asks for more
    assert done.evaluation["slices"][0]["examples"] == 600
    assert not {"importance", "worst"} & set(done.evaluation)
    (warning,) = [one for one in done.evaluation["warnings"] if "is not explained" in one]
    assert "too many rows at once" in warning
    assert warning.endswith("The metrics do not depend on that.")


def test_many_columns_ask_for_fewer_rows_of_each(run, monkeypatch):
    monkeypatch.setattr(measuring, "MOST_ANSWERS", 2_000)
    found = run("binary").evaluation["importance"]
    assert found["repeats"] * found["rows"] * len(found["columns"]) <= 2_000


def test_the_worst_rows_are_those_with_the_largest_error(run, rows):
    found = run("regression").evaluation["worst"]
    distance = np.nan_to_num(np.array(rows["distance"].to_pylist(), float))
    predicted = 0.8 * distance - 0.4 + (np.array(rows["carrier"].to_pylist()) == "AA")
    error = np.abs(predicted - rows["regression"].to_numpy())
    assert found["examined"] == 600
    told = [abs(row["predicted"] - row["actual"]) for row in found["rows"]]
    assert told == pytest.approx(np.sort(error)[::-1][:10], rel=1e-4)
    assert set(found["rows"][0]["row"]) == {"distance", "carrier"}


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_worst_rows_are_wrong_and_most_certain(run, kind):
    found = run(kind).evaluation["worst"]["rows"]
    assert len(found) == 10
    assert all(row["actual"] != row["predicted"] for row in found)
    assert [row["loss"] for row in found] == sorted((row["loss"] for row in found), reverse=True)
    assert all(0.3 < row["certainty"] <= 1 for row in found)


def test_a_model_that_is_always_right_has_no_worst_rows(run, rows, make_examples, tmp_path):
    sure = rows.filter(pa.array([value is not None and abs(value) > 2 for value in rows["distance"].to_pylist()]))
    labels = ["yes" if value > 0 else "no" for value in sure["distance"].to_pylist()]
    told = sure.set_column(sure.schema.get_field_index("binary"), "binary", pa.array(labels))
    examples = make_examples(tmp_path / "sure", train=told[:5], eval=told[:5], test=told)
    assert run("binary", examples=str(examples)).evaluation["worst"]["rows"] == []


def test_missing_values_and_long_texts_can_be_written(run, rows, make_examples, tmp_path):
    long = rows.set_column(1, "carrier", pa.array(["x" * 5_000] * 600)).set_column(
        0, "distance", pa.array([None] * 300 + [3.0] * 300, pa.float32())
    )
    examples = make_examples(tmp_path / "long", train=long[:5], eval=long[:5], test=long)
    found = run("binary", examples=str(examples)).evaluation["worst"]["rows"]
    assert all(len(row["row"]["carrier"]) == 200 for row in found)
    assert {row["row"]["distance"] for row in found} <= {None, 3.0}


def test_a_large_split_is_looked_at_evenly(run, rows, make_examples, tmp_path, monkeypatch):
    monkeypatch.setattr(explaining, "SAMPLE", 200)
    monkeypatch.setattr(explaining, "BATCH_ROWS", 130)
    done = run("binary")
    assert 190 <= done.evaluation["worst"]["examined"] <= 210


def test_rows_without_a_label_are_left_out(run, rows, make_examples, tmp_path):
    labels = [None if place % 2 else value for place, value in enumerate(rows["binary"].to_pylist())]
    gaps = rows.set_column(rows.schema.get_field_index("binary"), "binary", pa.array(labels))
    examples = make_examples(tmp_path / "gaps", train=gaps[:5], eval=gaps[:5], test=gaps)
    assert run("binary", examples=str(examples)).evaluation["worst"]["examined"] == 300
    assert Examples.open(examples).rows("test") == 600


def test_the_metric_of_a_task_is_made_of_the_losses_of_its_rows():
    lost = losses("regression", np.array([1.0, 2.0]), np.array([[3.0], [4.0]]))
    assert together("regression", lost) == 2.0
    assert together("binary", losses("binary", np.array([1.0, 0.0]), np.array([[0.5], [0.5]]))) == pytest.approx(
        math.log(2)
    )
