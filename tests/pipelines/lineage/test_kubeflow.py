"""On a cluster each step tells its own events, with the run that KFP writes into the places of its outputs."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from stellwerk.components.calling import call
from stellwerk.components.lineage.kubeflow import Place, observed
from stellwerk.components.lineage.sending import Sender, configured, typed
from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.kubeflow.compilation import compile  # noqa: A004 - the verb of KFP

RUN = "6f2b0c3e-5a6d-4b1e-9a55-2f1c8d7e9b01"
POD = "0d9f7c52-1c1b-4c0e-8f3d-3a2b1c0d9e8f"
SALT = "b5f6c9aa-30d5-4b8e-8d50-0f2a5a3f1c11"


@pytest.fixture
def on_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Any):
    """Gives an artifact as KFP's launcher does: its URI says where in which run, its path where it is mounted."""
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    monkeypatch.setenv("STELLWERK_LINEAGE_PATIENCE", "500")
    monkeypatch.setenv("KFP_POD_UID", POD)
    monkeypatch.setattr("kfp.dsl.types.artifact_types._MINIO_LOCAL_MOUNT_PREFIX", f"{tmp_path}/minio/")

    def artifact(task: str, name: str, kind: type[dsl.Artifact] = dsl.Artifact) -> dsl.Artifact:
        place = f"mlpipeline/v2/artifacts/small-flights/{RUN}/{task}/{SALT}/{name}"
        Path(tmp_path, "minio", place).parent.mkdir(parents=True, exist_ok=True)
        return kind(name=name, uri=f"minio://{place}")

    return artifact


def ingest_of(project: Path, artifact: Any) -> dict[str, Any]:
    parameters = dict(graph(load(project)).step("ingest").parameters)
    return {**parameters, "directory": str(project.parent), "examples": artifact("ingest", "examples", dsl.Dataset)}


def test_the_first_step_begins_the_run_and_tells_its_sources(project: Path, on_cluster, receiver):
    call("ingest", ingest_of(project, on_cluster))
    told = [(event["eventType"], event["job"]["name"], event["run"]["runId"]) for event in receiver.events]
    step = ("small-flights.ingest", POD)
    assert told == [("START", "small-flights", RUN), ("START", *step), ("COMPLETE", *step)]
    assert all(typed(event) for event in receiver.events)
    last = receiver.events[-1]
    parent = last["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (RUN, "small-flights")
    assert last["run"]["facets"]["processing_engine"]["name"] == "Kubeflow Pipelines"
    (source,), (examples,) = last["inputs"], last["outputs"]
    assert source["name"] == str(project.parent / "flights.csv")
    assert examples["name"] == "small-flights.ingest.examples"
    (link,) = examples["facets"]["symlinks"]["identifiers"]
    assert (link["namespace"], link["name"].rpartition("/")[2]) == ("s3://mlpipeline", "examples")


def test_a_later_step_reads_what_an_earlier_one_wrote_under_the_same_name(
    project: Path, on_cluster, receiver, tmp_path: Path
):
    (run,) = project.parent.glob("runs/small-flights/[0-9]*")
    inputs = {
        "model": ("train", "model"),
        "evaluation": ("evaluate", "evaluation"),
        "blessing": ("evaluate", "blessing"),
    }
    given = {name: on_cluster(*place) for name, place in inputs.items()}
    for name, (step, artifact) in inputs.items():
        shutil.copytree(run / step / artifact, given[name].path)
    push = {**graph(load(project)).step("push").parameters, "directory": str(tmp_path), "context": {"run": RUN}}
    call("push", {**push, **given, "pushed_model": on_cluster("push", "pushed_model", dsl.Model)})
    (started, ended) = (event for event in receiver.events if event["job"]["name"] == "small-flights.push")
    names = ["small-flights.train.model", "small-flights.evaluate.evaluation", "small-flights.evaluate.blessing"]
    assert [one["name"] for one in started["inputs"]] == [one["name"] for one in ended["inputs"]] == names
    assert [one["name"] for one in ended["outputs"]] == [
        "small-flights.push.pushed_model",
        str(tmp_path / "models" / "small-flights"),
    ]


def test_a_step_that_fails_says_why(project: Path, on_cluster, receiver):
    (project.parent / "flights.csv").unlink()
    with pytest.raises(StepFailed):
        call("ingest", ingest_of(project, on_cluster))
    failed, run = receiver.events[-2:]
    assert (failed["eventType"], run["eventType"]) == ("FAIL", "FAIL")
    assert (run["job"]["name"], run["run"]["runId"]) == ("small-flights", RUN)
    assert "no such file: 'flights.csv'" in failed["run"]["facets"]["errorMessage"]["message"]


def test_a_step_that_is_stopped_is_aborted(project: Path, on_cluster, receiver):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call("ingest", {**ingest_of(project, on_cluster), "progress": stopped})
    assert [event["eventType"] for event in receiver.events] == ["START", "START", "ABORT", "ABORT"]


def test_rows_that_are_read_in_place_are_listed_once_for_all_events(project: Path, on_cluster, receiver, s3_store):
    (run,) = project.parent.glob("runs/small-flights/[0-9]*")
    key = f"small-flights/{RUN}/ingest/{SALT}/examples"
    for file in (run / "ingest" / "examples").rglob("*.*"):
        name = file.relative_to(run / "ingest" / "examples").as_posix()
        s3_store.content.put_object(Bucket="models", Key=f"{key}/{name}", Body=file.read_bytes())
    asked: list[str] = []
    s3_store.refuse = lambda method, path: asked.append(path)
    given = {"settings": {}, "examples": f"s3://models/{key}", "schema": on_cluster("validate", "schema")}
    with observed("validate", given):
        pass
    assert [path.removeprefix(f"/models/{key}") for path in asked] == ["/models", "/dataset.json"]
    started, ended = receiver.events
    assert started["inputs"] == ended["inputs"]
    assert ended["inputs"][0]["inputFacets"]["inputStatistics"]["fileCount"] >= 3


def test_a_step_whose_rows_cannot_be_read_in_place_is_told_nevertheless(on_cluster, receiver, s3_store):
    key = f"small-flights/{RUN}/ingest/{SALT}/examples"
    given = {"settings": {}, "examples": f"s3://models/{key}", "schema": on_cluster("validate", "schema")}
    with pytest.raises(StepFailed), observed("validate", given):
        raise StepFailed("there is no dataset.json")
    assert [event["eventType"] for event in receiver.events] == ["START", "FAIL", "FAIL"]
    (examples,) = receiver.events[1]["inputs"]
    assert examples["name"] == "small-flights.ingest.examples"
    assert examples["facets"]["symlinks"]["identifiers"][0]["name"] == key
    assert "version" not in examples["facets"]


def test_the_report_ends_the_run_and_push_both_begins_and_ends_one(on_cluster, receiver):
    for step, output in (("report", "report"), ("push", "pushed_model")):
        with observed(step, {"context": {}, output: on_cluster(step, output)}):
            pass
    told = [(event["eventType"], event["job"]["name"]) for event in receiver.events]
    name = "small-flights"
    assert told == [
        ("START", f"{name}.report"), ("COMPLETE", f"{name}.report"), ("COMPLETE", name),
        ("START", name), ("START", f"{name}.push"), ("COMPLETE", f"{name}.push"), ("COMPLETE", name),
    ]  # fmt: skip


def test_a_compiled_pipeline_carries_the_digests_of_the_users_own_python(project: Path, tmp_path: Path):
    (project.parent / "model.py").write_text("def build(): ...\n")
    project.write_text(project.read_text().replace("{type: dense, hidden: [16]}", "{build: 'model.py:build'}"))
    compile(load(project, ["cluster.image=registry.example/stellwerk:0.1.0"]), tmp_path / "ir.yaml")
    digest = hashlib.sha256((project.parent / "model.py").read_bytes()).hexdigest()
    assert f"model.py: {digest}" in (tmp_path / "ir.yaml").read_text()


def test_parameters_of_the_run_are_told_instead_of_the_specs(project: Path, on_cluster, receiver):
    parameters = {**graph(load(project)).step("train").parameters, "epochs": 7}
    given = {"transformed": on_cluster("transform", "transformed"), "model": on_cluster("train", "model", dsl.Model)}
    with pytest.raises(RuntimeError, match="before any work"), observed("train", {**parameters, **given}):
        raise RuntimeError("before any work")
    told = receiver.events[0]["run"]["facets"]["executionParameters"]["parameters"]
    assert {one["key"]: one["value"] for one in told}["training.epochs"] == "7"


def test_where_nobody_listens_a_step_tells_nothing(project: Path, on_cluster, receiver, monkeypatch):
    monkeypatch.delenv("OPENLINEAGE_URL")
    call("ingest", ingest_of(project, on_cluster))
    monkeypatch.setenv("OPENLINEAGE_URL", receiver.url)
    monkeypatch.setenv("STELLWERK_EVENTS", "/dev/null")  # an engine outside watches, and tells it itself
    call("ingest", ingest_of(project, on_cluster))
    assert receiver.events == []


def test_settings_that_name_no_backend_send_nothing_and_nothing_is_told(tmp_path: Path, monkeypatch):
    config = tmp_path / "openlineage.yml"
    config.write_text("facets: {environment_variables: []}\n", encoding="utf-8")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(config))
    assert configured()
    sender = Sender()
    sender.send({"eventType": "START"})
    assert sender.close() is None


def test_places_of_kfps_own_local_runner_are_read_too():
    first = Place.of("/tmp/outputs/small-flights-2026-11-21-22-30-11-123456/train/model")
    second = Place.of("/tmp/outputs/small-flights-2026-11-21-22-30-11-123456/push/pushed_model")
    assert first is not None
    assert second is not None
    assert (first.pipeline, first.task, first.artifact) == ("small-flights", "train", "model")
    assert first.run == second.run
    assert Place.of("model") is None
