"""What a run says at its end, the list of runs, two runs side by side, and runs in MLflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from stellwerk.errors import StellwerkError, UsageError
from stellwerk.pipelines.tracking import export
from stellwerk.report.comparing import as_text, compare
from stellwerk.report.comparison_page import comparison_page
from stellwerk.report.summary import summarise


def _runs(spec: Path) -> list[Path]:
    return sorted(
        folder for folder in (spec.parent / "runs" / "small-flights").iterdir() if (folder / "run.json").exists()
    )


@pytest.fixture(scope="module")
def twice(finished: Path, tmp_path_factory: pytest.TempPathFactory, stellwerk: Callable[..., Any]) -> Path:
    """The small pipeline, run a second time with a longer training and on fewer features. Not to be changed."""
    folder = tmp_path_factory.mktemp("twice") / "project"
    shutil.copytree(finished.parent, folder, copy_function=shutil.copy2)
    spec = folder / "pipeline.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("  distance: {type: number}\n", ""), encoding="utf-8")
    ran = stellwerk("run", spec, "--set", "train.epochs=3")
    assert ran.returncode == 0, ran.stderr
    return spec


def test_a_run_ends_with_its_metrics_and_the_verdict(project: Path, stellwerk):
    ran = stellwerk("run", project)
    assert ran.returncode == 0, ran.stderr
    lines = {line.split()[0]: line for line in ran.stdout.splitlines()}
    assert [line for line in lines if line != "warning"] == ["metrics", "verdict", "model", "report"]
    value = summarise(_runs(project)[-1]).metrics["auc"]
    assert lines["metrics"].startswith(f"metrics auc {value:.4f}")
    assert "Blessed and pushed" in lines["verdict"]


def test_a_refused_run_says_what_was_missed(project: Path, stellwerk):
    ran = stellwerk("run", project, "--set", "evaluate.require.auc.min=0.99")
    assert ran.returncode == 1
    assert "metrics auc" in ran.stdout
    assert "verdict Not blessed: The model is not good enough: auc is" in ran.stdout


def test_the_list_of_runs_has_metrics_and_what_became_of_the_model(twice: Path, stellwerk):
    first, second = stellwerk("runs", twice).stdout.splitlines()
    assert "pushed 2" in first
    assert "auc 0." in first
    assert "pushed 1" in second
    newest = json.loads(stellwerk("runs", twice, "--json").stdout)[0]
    assert newest["blessed"] is True
    assert 0.5 < newest["metrics"]["auc"] < 1
    assert newest["pushed"].endswith("models/small-flights/2")


def test_a_run_that_stopped_before_evaluation_is_listed_without_metrics(project: Path, stellwerk):
    assert stellwerk("run", project, "--until", "validate").returncode == 0
    newest = stellwerk("runs", project).stdout.splitlines()[0]
    assert newest.rstrip().endswith("cached")


def test_simple_models_that_an_evaluation_measured_stand_beside_the_model(project: Path):
    run = _runs(project)[-1]
    evaluation = run / "evaluate" / "evaluation" / "evaluation.json"
    facts = json.loads(evaluation.read_text())
    evaluation.unlink()
    evaluation.write_text(json.dumps({**facts, "baselines": {"trivial": {"auc": 0.5}, "linear": {"auc": 0.6321}}}))
    assert "(trivial 0.5000, linear 0.6321" in summarise(run).line()


def test_two_runs_differ_in_spec_training_and_metrics(twice: Path):
    found = compare(*_runs(twice))
    assert [(row.what, row.before, row.after) for row in found.spec] == [
        ("features.distance.type", "number", "(not there)")
    ]
    assert ("train.epochs", "2", "3") in [(row.what, row.before, row.after) for row in found.training]
    assert found.data == ()
    assert found.same_rows is True
    auc = next(change for change in found.metrics if change.metric == "auc")
    assert auc.before != auc.after
    assert auc.better is (auc.after > auc.before)
    assert {row.label for row in found.slices} == {"origin = EWR", "origin = JFK", "origin = LGA"}


def test_a_loss_that_falls_is_better(twice: Path):
    found = compare(*_runs(twice))
    loss = next(change for change in found.metrics if change.metric == "log_loss")
    assert loss.better is (loss.after < loss.before)


def test_slices_that_lost_most_come_first(twice: Path):
    changes = [row.change for row in compare(*_runs(twice)).slices]
    lost = [change.before - change.after for change in changes]
    assert lost == sorted(lost, reverse=True)


def test_other_data_is_told_with_what_it_means_for_the_metrics(project: Path, stellwerk):
    data = project.parent / "flights.csv"
    data.write_text("\n".join(data.read_text().splitlines()[:-500]) + "\n")
    assert stellwerk("run", project).returncode in (0, 1)
    found = compare(*_runs(project)[-2:])
    assert {"version", "rows of train"} <= {row.what for row in found.data}
    assert found.same_rows is False
    assert "different rows" in found.sentence


def test_compare_takes_ids_folders_or_nothing(twice: Path, stellwerk, tmp_path: Path):
    first, second = _runs(twice)
    newest = stellwerk("compare", "--spec", twice)
    assert newest.returncode == 0, newest.stderr
    assert stellwerk("compare", first.name, second.name, "--spec", twice).stdout == newest.stdout
    assert stellwerk("compare", first, second).stdout == newest.stdout
    assert stellwerk("compare", first.name, "--spec", twice).stdout == newest.stdout
    assert newest.stdout.rstrip() == as_text(compare(first, second))
    page = tmp_path / "page.html"
    assert stellwerk("compare", first, second, "-o", page).returncode == 0
    assert page.read_text(encoding="utf-8") == comparison_page(compare(first, second))


def test_one_run_alone_cannot_be_compared(project: Path, stellwerk):
    ran = stellwerk("compare", "--spec", project)
    assert ran.returncode == 2
    assert "no two runs" in ran.stderr


def test_names_from_outside_do_not_become_part_of_the_page(project: Path):
    run = _runs(project)[-1]
    spec = run / "spec.yaml"
    text = spec.read_text(encoding="utf-8")
    spec.unlink()
    spec.write_text(text + "\n'<script>alert(1)</script>': '<img src=x>'\n", encoding="utf-8")
    other = project.parent / "other"
    shutil.copytree(run, other)
    (other / "spec.yaml").write_text(text, encoding="utf-8")
    page = comparison_page(compare(run, other))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert" in page


def test_runs_are_in_mlflow_once_with_parameters_metrics_curves_and_report(twice: Path, tmp_path: Path):
    folders = _runs(twice)
    told = export(folders, str(tmp_path / "mlruns"))
    assert (told.written, told.there) == (2, 0)
    again = export(folders, str(tmp_path / "mlruns"))
    assert (again.written, again.there) == (0, 2)
    client = MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("small-flights")
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id], "", ViewType.ALL)}
    assert set(found) == {folder.name for folder in folders}
    newest = found[folders[-1].name]
    summary = summarise(folders[-1])
    assert newest.info.status == "FINISHED"
    assert newest.data.params["train.epochs"] == "3"
    assert newest.data.metrics["auc"] == pytest.approx(summary.metrics["auc"])
    assert newest.data.metrics["origin.JFK/auc"] > 0
    assert newest.data.tags["stellwerk.verdict"].startswith("Blessed and pushed")
    assert len(client.get_metric_history(newest.info.run_id, "eval_loss")) == 3
    assert {"report.html", "evaluation.json"} <= {file.path for file in client.list_artifacts(newest.info.run_id)}


def test_an_mlflow_that_is_not_there_is_one_sentence(twice: Path):
    with pytest.raises(StellwerkError, match=r"MLflow at http://127\.0\.0\.1:1"):
        export(_runs(twice), "http://127.0.0.1:1")


def test_without_the_client_its_extra_is_named(twice: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"stellwerk\[mlflow\]"):
        export(_runs(twice), "anywhere")
