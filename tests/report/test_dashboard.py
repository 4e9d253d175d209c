"""The dashboard's artifacts as KFP's launcher takes them from a step: pages at their paths, metadata a Struct can hold."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from kfp import dsl

from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.components.dashboard import show
from stellwerk.components.reporting.work import report
from stellwerk.report.gathering import MAKERS

DRAWN = {"evaluation": dsl.ClassificationMetrics, "blessing": dsl.Metrics, "history": dsl.Metrics}
"""Artifacts whose metadata the dashboard draws; it is given pages as HTML."""


@pytest.fixture
def arguments(make_run: Any, tmp_path: Path) -> dict[str, Any]:
    """What a face has: every artifact of a run, and a page, whose folder KFP has made."""
    run = make_run(tmp_path / "run")
    artifacts: dict[str, Any] = {
        name: DRAWN.get(name, dsl.Artifact)(uri=str(run / step / name)) for name, step in MAKERS.items()
    }
    (tmp_path / "root").mkdir()
    page = dsl.HTML(uri=str(tmp_path / "root" / "step_page"))
    return {"settings": {"min_slice_size": 300.0}, "directory": "/data", **artifacts, "step_page": page}


def published(artifact: Any) -> dict[str, Any]:
    """Returns metadata as the backend stores it: a Struct, in which a property may not be null."""
    written = json.dumps(artifact.metadata, allow_nan=False)
    struct = json_format.Parse(written, struct_pb2.Struct())
    assert all(value.WhichOneof("kind") != "null_value" for value in struct.fields.values())
    found: dict[str, Any] = json_format.MessageToDict(struct)
    return found


def test_evaluate_gives_the_dashboard_a_page_scalars_and_curves(arguments: Any, tmp_path: Path):
    show("evaluate", arguments)
    page = (tmp_path / "root" / "step_page").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<h2>Blessed</h2>" in page
    assert published(arguments["blessing"])["auc"] == pytest.approx(0.7412)
    matrix = published(arguments["evaluation"])["confusionMatrix"]
    assert len(matrix["annotationSpecs"]) == len(matrix["rows"]) == 2
    assert all(len(row["row"]) == 2 for row in matrix["rows"])
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["step_page"]


def test_train_gives_the_dashboard_its_last_values(arguments: Any):
    show("train", arguments)
    scalars = published(arguments["history"])
    assert scalars["epochs"] == 12
    assert {"loss", "eval_loss", "auc", "eval_auc", "best_epoch"} <= scalars.keys()


def test_a_curve_is_drawn_where_the_evaluation_has_its_thresholds(arguments: Any):
    path = Path(arguments["evaluation"].path) / "evaluation.json"
    evaluation = json.loads(path.read_text())
    evaluation["curves"]["thresholds"] = [1 - index / 600 for index in range(len(evaluation["curves"]["roc"]))]
    path.write_text(json.dumps(evaluation))
    show("evaluate", arguments)
    points = published(arguments["evaluation"])["confidenceMetrics"]
    assert 2 <= len(points) <= 200
    for point in points:
        assert point.keys() == {"confidenceThreshold", "falsePositiveRate", "recall"}
        assert all(isinstance(value, float) and math.isfinite(value) for value in point.values())


def test_only_the_outputs_that_a_face_has_are_written(arguments: Any, tmp_path: Path):
    for name in ("step_page", "history"):
        del arguments[name]
    show("train", arguments)
    assert list((tmp_path / "root").iterdir()) == []


def test_the_manifest_is_the_examples_without_their_rows(arguments: Any, tmp_path: Path):
    examples = Path(arguments["examples"].path)
    (examples / "train").mkdir(exist_ok=True)
    (examples / "train" / "part-00000.parquet").write_bytes(b"rows")
    (examples / "quarantine" / "rows.jsonl").write_text('{"reason": "r", "row": {}}\n' * 30_000)
    as_it_is = json.loads((examples / "dataset.json").read_text())
    manifest = tmp_path / "root" / "manifest"
    show("ingest", {**arguments, "manifest": dsl.Artifact(uri=str(manifest))})
    assert sorted(path.name for path in manifest.rglob("*") if path.is_file()) == ["dataset.json", "rows.jsonl"]
    assert json.loads((manifest / "dataset.json").read_text()) == as_it_is
    with (manifest / "quarantine" / "rows.jsonl").open() as lines:
        assert sum(1 for _ in lines) == 20_000


def test_a_page_that_cannot_be_written_costs_no_step(arguments: Any, tmp_path: Path, caplog: Any):
    (tmp_path / "root").rename(tmp_path / "gone")
    (tmp_path / "root").write_text("a file where a folder should be")
    show("train", arguments)
    assert "The dashboard shows less of train" in caplog.text


def test_the_report_of_a_run_is_written_from_its_artifacts(arguments: Any, tmp_path: Path):
    paths = {name: Path(given.path) for name, given in arguments.items() if name in MAKERS}
    wanted = {name: paths[name] for name in ("statistics", "anomalies", "history", "model", "evaluation", "blessing")}
    page = tmp_path / "root" / "page"
    context = {"pipeline": "flight-delays", "spec": "pipeline.yaml"}
    report(context=context, spec="name: flight-delays # é\n", manifest=paths["examples"], page=page, **wanted)
    text = page.read_text(encoding="utf-8")
    assert "<h1>flight-delays</h1>" in text
    assert "name: flight-delays # é" in text
    assert folder_digest(wanted["model"])[:8] in text


def test_a_damaged_artifact_is_told_on_the_page(arguments: Any, tmp_path: Path):
    (Path(arguments["blessing"].path) / "blessing.json").write_text("{")
    show("evaluate", arguments)
    assert "evaluate/blessing cannot be read" in (tmp_path / "root" / "step_page").read_text(encoding="utf-8")
