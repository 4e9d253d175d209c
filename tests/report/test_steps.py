"""What a step shows on the dashboard: pages that begin with what the step said, scalars, curves and matrices."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stellwerk.report.gathering import MAKERS
from stellwerk.report.steps import Shown, run_page, shown

Show = Callable[..., Shown]
ANOMALY = {"split": "eval", "column": "a|b", "kind": "X", "what": "[x](https://x.org) <b>", "fix": "add `ZZ`"}


def paths_of(run: Path) -> dict[str, Path]:
    return {artifact: run / step / artifact for artifact, step in MAKERS.items()}


@pytest.fixture
def show(make_run: Any, tmp_path: Path) -> Show:
    """Makes the artifacts of a run and returns what one step shows of them."""

    def show(step: str, settings: Mapping[str, Any] | None = None, **run: Any) -> Shown:
        found = shown(step, paths_of(make_run(tmp_path / "run", **run)), settings or {})
        assert found is not None
        return found

    return show


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("step", ["ingest", "validate", "train", "evaluate", "rehearse"])
def test_a_page_holds_the_sections_of_its_step_and_loads_nothing(show: Show, step: str):
    page = show(step).page
    sections = re.findall(r'<section aria-labelledby="(\w+)"', page)
    assert (
        sections
        == {
            "ingest": ["data"],
            "validate": ["gates", "features"],
            "train": ["training"],
            "evaluate": ["gates", "evaluation"],
            "rehearse": ["rehearsal"],
        }[step]
    )
    assert "<nav" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "default-src &#39;none&#39;" in page


def test_steps_without_a_page_show_nothing(make_run: Any, tmp_path: Path):
    assert shown("transform", paths_of(make_run(tmp_path / "run")), {}) is None


def test_an_artifact_that_is_not_there_is_told_and_not_raised(tmp_path: Path):
    for step in ("ingest", "validate", "train", "evaluate", "rehearse"):
        found = shown(step, {}, {})
        assert found is not None
        assert f"The {step} step left no such file" in found.page
        assert not found.metrics


def top(page: str) -> str:
    """Returns the text above the first section: what a frame of 600 pixels shows before anyone scrolls."""
    above = page.partition('<main id="main">')[2].partition("<section")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", above)).strip()


@pytest.mark.parametrize(
    ("step", "said", "numbers"),
    [
        ("ingest", "Ingested 336,776 examples in 3 splits; 3 rows did not parse or fit, for 2 reasons.", "Set aside 3"),
        ("validate", "The data gate is open No anomalies: every split fits the schema.", "Anomalies 0"),
        ("train", "Trained 12 epochs in 13.2 s, 244,000 rows a second", "Loss 0.4790 eval, epoch 9"),
        ("evaluate", "Blessed The model met all 4 requirements.", "Requirements 4 of 4 met AUC 0.7412"),
    ],
)
def test_a_page_begins_with_the_verdict_and_the_numbers_of_its_step(show: Show, step: str, said: str, numbers: str):
    text = top(show(step).page)
    assert text.startswith(said)
    assert numbers in text


def test_the_data_gate_says_refused_or_only_reported_as_the_spec_wants(show: Show):
    assert top(show("validate", anomalies=[ANOMALY]).page).startswith("Refused by the data gate The data has 1 anomaly")
    warned = show("validate", {"on_anomaly": "warn"}, anomalies=[ANOMALY])
    assert top(warned.page).startswith("Reported by the data gate The data has 1 anomaly")
    assert "Anomalies 1 1 in eval" in top(warned.page)


def test_a_model_that_is_not_blessed_says_so_first_and_lists_what_is_not_met_first(show: Show):
    page = show("evaluate", blessed=False).page
    assert top(page).startswith("Not blessed The model is not good enough: auc is 0.6834, required is at least 0.7000.")
    assert "Requirements 3 of 4 met" in top(page)
    marks = re.findall(r"</svg>(met|not met)</span>", page)
    assert marks == ["not met", "met", "met", "met"]


def test_training_that_kept_an_earlier_epoch_tells_the_numbers_of_that_epoch(make_run: Any, tmp_path: Path):
    run = make_run(tmp_path / "run")
    history = run / "train" / "history" / "history.json"
    ninth = json.loads(history.read_text())["epochs"][8]
    found = shown("train", paths_of(run), {})
    assert found is not None
    assert f"AUC {ninth['eval_auc']:.4f} eval, epoch 9" in top(found.page)
    change(history, best_epoch=None)
    found = shown("train", paths_of(run), {})
    assert found is not None
    assert "eval, epoch 12" in top(found.page)


def test_a_network_that_was_mixed_with_a_linear_model_is_told_with_the_numbers_of_the_mixture(
    make_run: Any, tmp_path: Path
):
    run = make_run(tmp_path / "run")
    history = run / "train" / "history" / "history.json"
    change(history, mixed={"linear_share": 0.3, "eval_loss": 0.4321, "eval_auc": 0.7654})
    found = shown("train", paths_of(run), {})
    assert found is not None
    assert "AUC 0.7654 eval, with linear" in top(found.page)
    assert "mixed with the linear baseline, which has 30.0 % of each score" in found.page
    assert "The ringed epoch, 9," in found.page
    assert found.metrics["linear_share"] == 0.3
    change(history, mixed={"linear_share": 1.0, "eval_loss": 0.4321})
    found = shown("train", paths_of(run), {})
    assert found is not None
    assert "the linear baseline was better, alone and in any mixture, so it is what is exported" in found.page


def test_scalars_are_finite_floats_whatever_the_artifacts_say(make_run: Any, tmp_path: Path):
    run = make_run(tmp_path / "run")
    evaluation = json.loads((run / "evaluate" / "evaluation" / "evaluation.json").read_text())
    evaluation["slices"][0]["metrics"] |= {"auc": None, "log_loss": math.nan, "mse": math.inf}
    change(run / "evaluate" / "evaluation" / "evaluation.json", **evaluation)
    change(run / "train" / "history" / "history.json", best_epoch=None, parameters=None)
    for step in ("ingest", "train", "evaluate"):
        found = shown(step, paths_of(run), {})
        assert found is not None
        json.dumps(found.metrics, allow_nan=False)
        assert found.metrics
        assert {type(value) for value in found.metrics.values()} == {float}
        assert found.metrics.keys().isdisjoint({"log_loss", "mse", "best_epoch", "display_name", "store_session_info"})


def test_a_roc_curve_has_its_thresholds_and_few_points(make_run: Any, tmp_path: Path):
    run = make_run(tmp_path / "run")
    path = run / "evaluate" / "evaluation" / "evaluation.json"
    evaluation = json.loads(path.read_text())
    roc = [[index / 999, (index / 999) ** 0.5] for index in range(1000)]
    evaluation["curves"] |= {"roc": roc, "thresholds": [1 - index / 999 for index in range(1000)]}
    change(path, **evaluation)
    found = shown("evaluate", paths_of(run), {})
    assert found is not None
    points = found.classification["confidenceMetrics"]
    assert len(points) <= 200
    assert points[0] == {"falsePositiveRate": 0.0, "recall": 0.0, "confidenceThreshold": 1.0}
    assert points[-1] == {"falsePositiveRate": 1.0, "recall": 1.0, "confidenceThreshold": 0.0}
    assert len(json.dumps(found.classification)) < 64_000


def test_rows_of_the_confusion_matrix_are_true_classes_and_large_ones_are_left_to_the_page(make_run: Any, tmp_path):
    run = make_run(tmp_path / "run")
    path = run / "evaluate" / "evaluation" / "evaluation.json"
    change(path, confusion={"classes": ["a", "a"], "counts": [[1, 2], [3, 4]]})
    found = shown("evaluate", paths_of(run), {})
    assert found is not None
    assert found.classification["confusionMatrix"] == {
        "annotationSpecs": [{"displayName": "a"}, {"displayName": "a"}],
        "rows": [{"row": [1.0, 2.0]}, {"row": [3.0, 4.0]}],
    }
    change(path, confusion={"classes": [str(name) for name in range(40)], "counts": [[1] * 40] * 40})
    found = shown("evaluate", paths_of(run), {})
    assert found is not None
    assert "confusionMatrix" not in found.classification


def test_pages_of_many_columns_and_slices_stay_small_and_say_what_is_left_out(show: Show):
    slices = [{"carrier": f"C{index}", "origin": str(index)} for index in range(700)]
    page = show("evaluate", slices=slices).page
    assert len(page) < 2_000_000
    assert re.search(r"are shown; 20\d more are in", page)
    page = show("validate", extra=140, anomalies=[{**ANOMALY, "column": "sensor_139"}]).page
    assert len(page) < 2_000_000
    assert page.index('<h3 title="sensor_139">') < page.index('<h3 title="carrier">')
    assert "3 more columns are in the statistics" in page


def test_the_report_of_a_cluster_says_what_push_will_go_by(make_run: Any, tmp_path: Path):
    given = {"name": "flight-delays", "spec": "name: flight-delays\n", "source": "pipeline.yaml"}
    for blessed, said in ((True, "The model met all 4 requirements.<"), (False, "Nothing was published.<")):
        paths = paths_of(make_run(tmp_path / str(blessed), blessed=blessed))
        del paths["pushed_model"], paths["rehearsal"]
        page = run_page(paths, {"model": "ab" * 32}, **given)
        assert said in page
        assert "It was not published" not in page
        assert re.findall(r'<a href="#(\w+)">', page)[0] == "overview"
        assert 'id="pipeline"' not in page
        assert 'id="rehearsal"' not in page
        assert "abababab" in page
        facts = re.search(r'<p class="facts">(.*?)</p>', page)
        assert facts is not None
        assert facts[1] == '<span class="path">pipeline.yaml</span>', "of no single run: it may come from the cache"
