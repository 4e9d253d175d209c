"""The report's explanation: classes, importance and the worst rows, as an evaluation wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import precision_recall_fscore_support

from stellwerk.report import write_report
from stellwerk.report.explaining import class_rows, explanation
from stellwerk.report.judging import Confusion, Evaluation, Importance, Importances, WorstRow, WorstRows


def test_precision_and_recall_by_class_are_those_of_scikit_learn():
    counts = ((26, 1, 3), (2, 8, 0), (0, 5, 22))
    actual, predicted = [], []
    for true, row in enumerate(counts):
        for said, number in enumerate(row):
            actual += [true] * number
            predicted += [said] * number
    precision, recall, f1, support = precision_recall_fscore_support(actual, predicted)
    rows = class_rows(Confusion(("a", "b", "c"), counts))
    assert [row.precision for row in rows] == pytest.approx(precision)
    assert [row.recall for row in rows] == pytest.approx(recall)
    assert [row.f1 for row in rows] == pytest.approx(f1)
    assert [row.examples for row in rows] == support.tolist()


def test_a_class_that_is_never_predicted_is_named():
    evaluation = Evaluation(10, (), confusion=Confusion(("no", "yes"), ((8, 0), (2, 0))))
    told = explanation(evaluation, ())
    assert told["never_predicted"] == "yes"
    assert told["by_class"][1].precision is None


def test_classes_are_not_judged_where_rarer_ones_are_left_out():
    assert class_rows(Confusion(("a", "b"), ((1, 0), (0, 1)), classes_left_out=3)) == ()


def test_columns_that_chance_moves_as_much_are_named_apart():
    found = Importances(
        "log_loss", 0.4, 100, (Importance("age", 0.2), Importance("noise", 0.0001), Importance("bad", -0.01))
    )
    told = explanation(Evaluation(100, (), importance=found), ())
    assert [bar.column for bar in told["importance_bars"]] == ["age"]
    assert told["useless"] == "noise, bad"


def test_worst_rows_show_what_the_model_looks_at_in_the_order_of_the_data():
    found = Importances("log_loss", 0.4, 100, tuple(Importance(f"c{place}", 1.0 - place / 100) for place in range(20)))
    row = WorstRow({f"c{place}": place for place in range(20)}, "yes", "no", 0.987)
    told = explanation(Evaluation(100, (), importance=found, worst=WorstRows(100, (row,))), ["c3", "c1"])
    assert told["worst_table"].columns[:3] == ("c3", "c1", "c0")
    assert len(told["worst_table"].columns) == 12
    assert told["worst_table"].rows[0].certainty == "98.7 % sure"


def test_the_page_has_all_three_and_escapes_what_comes_from_the_data(make_run: Any, explain: Any, tmp_path: Path):
    run = make_run(tmp_path / "run")
    explain(run, column="<b>distance", value="<script>alert(1)</script>")
    page = write_report(run).read_text(encoding="utf-8")
    for heading in ("By class", "What the model looks at", "Rows it is most wrong about"):
        assert f"<h3>{heading}</h3>" in page
    assert "<script>alert" not in page
    assert "<b>distance" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_evaluation_of_before_shows_none_of_it(make_run: Any, tmp_path: Path):
    run = make_run(tmp_path / "run")
    evaluation = run / "evaluate" / "evaluation" / "evaluation.json"
    facts = json.loads(evaluation.read_text())
    evaluation.write_text(json.dumps({**facts, "confusion": None}))
    page = write_report(run).read_text(encoding="utf-8")
    assert "What the model looks at" not in page
    assert "Rows it is most wrong about" not in page
