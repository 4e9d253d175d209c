"""What comes of a run in Python: metrics, model, pages; a refusal is a result."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import stellwerk
from stellwerk.errors import DataError, GateRefused, SpecError, UsageError
from stellwerk.pipelines.cleaning import clean


def test_a_run_on_a_table_is_done_and_its_model_pushed(wines):
    assert wines.done.status == "done"
    assert wines.done.blessed
    assert not wines.done.refused
    assert wines.done.check() is wines.done
    assert (wines.spec.parent / "models" / "wine" / "1" / "saved_model.pb").is_file()


def test_metrics_are_those_of_the_evaluation_the_main_one_first(wines):
    facts = json.loads((wines.done.artifact("evaluate", "evaluation") / "evaluation.json").read_text())
    assert wines.done.metrics == facts["slices"][0]["metrics"]
    assert next(iter(wines.done.metrics)) == facts["main"]
    assert {name: set(values) for name, values in wines.done.baselines.items()} == {
        name: set(values) for name, values in facts["baselines"].items()
    }


def test_a_refusal_is_a_result_that_says_why(wines):
    assert wines.refused.refused
    assert wines.refused.blessed is False
    assert "log_loss is" in (wines.refused.error or "")
    with pytest.raises(GateRefused, match=r"required maximum of 0\.0001"):
        wines.refused.check()


def test_the_same_table_again_comes_from_the_cache_and_lineage_names_its_file(wines):
    status = {step.name: step.status for step in wines.refused.steps}
    assert [status[name] for name in ("ingest", "validate", "transform", "train")] == ["cached"] * 4
    (table,) = (wines.spec.parent / "runs" / "wine" / ".tables").glob("*.parquet")
    assert table.stem in (wines.done.artifact("ingest", "examples") / "dataset.json").read_text()


def test_another_table_is_read_and_not_taken_from_the_cache(wines):
    ran = stellwerk.run(wines.spec, data=wines.table.tail(150), until="ingest")
    assert [step.status for step in ran.steps] == ["done"]


def test_the_model_answers_with_the_kind_of_table_that_it_was_given(wines):
    few = wines.table.sample(6, random_state=1)
    frame = wines.done.model.predict(few)
    assert list(frame.index) == list(few.index)
    assert list(frame.columns[: few.shape[1]]) == list(few.columns)
    polars = wines.done.model.predict(pl.from_pandas(few), keep=("grape",))
    arrow = wines.done.model.predict(pa.Table.from_pandas(few, preserve_index=False))
    assert polars["predicted"].to_list() == arrow["predicted"].to_pylist() == frame["predicted"].to_list()
    assert polars.columns[0] == "grape"
    assert "alcohol" not in polars.columns
    assert set(frame["predicted"]) <= {"barolo", "grignolino", "barbera"}
    assert len(wines.done.model.predict(few.head(0))) == 0


def test_predict_says_what_does_not_fit_without_naming_files_of_its_own(wines):
    with pytest.raises(DataError, match=r"^the table: .*'alcohol'"):
        wines.done.model.predict(wines.table.drop(columns="alcohol"))
    with pytest.raises(UsageError, match="no option 'treshold'"):
        wines.done.model.predict(wines.table, treshold=0.3)
    with pytest.raises(UsageError, match="name the file"):
        stellwerk.predict(wines.done.model, "somewhere.csv")


def test_a_run_without_a_model_says_so(wines):
    ran = stellwerk.run(wines.spec, data=wines.table, until="validate")
    assert ran.metrics == {}
    assert ran.blessed is None
    with pytest.raises(UsageError, match="trained no model"):
        ran.model  # noqa: B018


def test_a_wrong_spec_raises_with_every_problem_and_check_lists_them(wines, tmp_path: Path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(wines.spec.read_text().replace("alcohol:", "alcool:"))
    assert ["alcool" in str(problem) for problem in stellwerk.check(wrong, wines.table)] == [True]
    with pytest.raises(SpecError, match="alcool"):
        stellwerk.run(wrong, wines.table)
    assert not list((tmp_path / "runs" / "wine").glob("2*"))
    wrong.write_text(wines.spec.read_text().replace("category", "categorie"))
    assert "categorie" in str(stellwerk.check(wrong)[0])
    assert stellwerk.check(wines.spec, wines.table) == []


def test_a_table_in_the_place_of_a_spec_is_explained(wines):
    with pytest.raises(UsageError, match="run\\(spec, data=table\\)"):
        stellwerk.run(wines.table)


def test_runs_are_results_newest_first_and_two_can_be_compared(wines, tmp_path: Path):
    found = stellwerk.runs(wines.spec)
    assert {wines.done.run, wines.refused.run} <= {run.run for run in found}
    assert [run.run for run in found] == sorted((run.run for run in found), reverse=True)
    both = stellwerk.compare(wines.done, wines.refused.folder)
    assert both.metrics["accuracy"] == (wines.done.metrics["accuracy"], wines.refused.metrics["accuracy"])
    assert both.page.save(tmp_path / "both.html").read_text().startswith("<!doctype html>")
    assert "is as good in the second run" in repr(both)
    with pytest.raises(UsageError, match="not the folder of a run"):
        stellwerk.compare(tmp_path, wines.done)


def test_objects_say_in_a_line_what_they_are(wines):
    assert re.match(rf"<run {wines.refused.run} of wine: refused; accuracy [\d.]+ ", repr(wines.refused))
    assert repr(wines.done.report).startswith(f"<report of run {wines.done.run}, ")


def test_what_a_run_shows_is_small_and_has_no_script(wines):
    shown = wines.refused._repr_html_()
    assert len(shown) < 25_000
    assert "<script" not in shown
    assert all(word in shown for word in ("Not blessed", "transform", "Log loss", "required maximum"))
    for page in (wines.done.evaluation, wines.done.statistics, wines.done.report):
        assert page._repr_html_().startswith("<iframe")
    assert "colour = deep" in wines.done.evaluation.html
    assert "flavanoids" in wines.done.statistics.html


def test_init_writes_a_spec_for_a_table_and_nothing_over(wines, tmp_path: Path):
    spec = stellwerk.init(wines.table, "grape", output=tmp_path / "first.yaml", name="bottles")
    assert spec.spec.target.column == "grape"
    assert (tmp_path / "bottles.parquet").is_file()
    assert stellwerk.check(spec) == []
    with pytest.raises(UsageError, match="overwrite=True"):
        stellwerk.init(wines.table, "grape", output=tmp_path / "first.yaml")
    again = stellwerk.init(tmp_path / "bottles.parquet", "grape", output=tmp_path / "second.yaml")
    assert again.spec.features == spec.spec.features


def test_tables_go_with_the_runs_when_nothing_needs_them(wines, tmp_path: Path):
    spec = tmp_path / "wine.yaml"
    spec.write_text(wines.spec.read_text())
    stellwerk.run(spec, data=wines.table, until="ingest")
    clean(tmp_path / "runs" / "wine", keep=1)
    assert not (tmp_path / "runs" / "wine" / ".tables").exists()
    assert stellwerk.run(spec, data=wines.table, until="ingest").steps[0].status == "cached"
