"""A compiled pipeline runs as KFP's driver runs it: every face, the cache, the gates, and texts with signs that others read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components as kfp_components
from kfp import dsl
from tests.pipelines.kubeflow.driver import Backend, Memory, Metadata, argo, expanded

from stellwerk.components.artifacts.folders import read_json
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.writing import documents

DEFINITIONS = Path(__file__).parents[3] / "docs" / "components"
FULL = (
    "cluster={image: registry.example/stellwerk:0.1.0}",
    "push={to: models, rehearse: {}, formats: [saved_model, litert]}",
    "validate.drift={distance: {jensen_shannon: 0.5}}",
    "evaluate.require={auc: {min: 0.5, min_gain: -0.5}}",
)
"""Every step and every comparison."""
STEPS = ("resolve", "ingest", "validate", "transform", "train", "convert", "evaluate", "rehearse", "push", "report")

Project = Callable[..., "Cluster"]


class Cluster:
    """One pipeline on one cluster, run after run."""

    def __init__(self, spec: Path, *overrides: str) -> None:
        self.spec, self.overrides = spec, overrides
        self.metadata, self.bucket = Metadata(), Memory()
        self.runs = 0

    def run(self, *more: str, **given: Any) -> Backend:
        """Compiles the spec and runs it."""
        self.runs += 1
        folder = self.spec.parent / f"run-{self.runs}"
        folder.mkdir()
        compile_spec(load(self.spec, [*self.overrides, *more]), folder / "ir.yaml")
        ir = next(iter(yaml.load_all((folder / "ir.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)))
        run = f"00000000-0000-0000-0000-{self.runs:012}"
        given = {"directory": str(self.spec.parent), **given}
        backend = Backend(ir, folder / "pods", self.bucket, self.metadata, given, run)
        backend.run_all()
        return backend


@pytest.fixture
def cluster(make_project: Callable[[Path], Path], tmp_path: Path) -> Project:
    def made(*overrides: str) -> Cluster:
        return Cluster(make_project(tmp_path / "project"), *(overrides or FULL))

    return made


def states(backend: Backend) -> dict[str, str]:
    assert not any(ended.state == "failed" for ended in backend.ended.values()), logs(backend)
    return {name: ended.state for name, ended in backend.ended.items()}


def logs(backend: Backend) -> str:
    return "\n".join(f"{name}: {ended.log[-3000:]}" for name, ended in backend.ended.items() if ended.state == "failed")


def test_an_unchanged_run_works_in_two_pods_and_one_with_other_data_in_all(cluster: Project):
    pipeline = cluster()
    first = pipeline.run()
    assert states(first) == dict.fromkeys(STEPS, "succeeded")
    assert _pages(first) == {"ingest", "validate", "train", "evaluate", "rehearse", "report"}
    assert "no blessed model to compare with yet" in _sentences(first)
    models = pipeline.spec.parent / "models" / "small-flights"
    provenance = read_json(models / "1" / "provenance.json")
    assert provenance["context"]["run"] == first.run_id

    again = pipeline.run()
    assert states(again) == {name: "succeeded" if name in ("resolve", "push") else "cached" for name in STEPS}
    assert [path.name for path in models.iterdir() if path.name.isdecimal()] == ["1"], (
        "the same model is not pushed again"
    )

    rows = (pipeline.spec.parent / "flights.csv").read_text(encoding="utf-8").splitlines()
    (pipeline.spec.parent / "flights.csv").write_text("\n".join(rows[:-50]) + "\n", encoding="utf-8")
    other = pipeline.run()
    assert states(other) == dict.fromkeys(STEPS, "succeeded")
    assert "the last blessed model's" in _sentences(other)
    assert other.made["resolve"]["baseline"] == str(models / "1")
    assert other.made["resolve"]["previous"] == str(models / "1" / "statistics")

    trained = pipeline.run(epochs=1)
    assert {name for name, state in states(trained).items() if state == "cached"} == {"ingest", "validate", "transform"}


def _pages(backend: Backend) -> set[str]:
    found = set()
    for task, made in backend.made.items():
        for name, artifact in made.items():
            if isinstance(artifact, dict) and artifact.get("type", {}).get("schemaTitle") == "system.HTML":
                assert backend.local(task, name).read_text(encoding="utf-8").startswith("<!doctype html>")
                found.add(task)
    return found


def _sentences(backend: Backend) -> str:
    rows = read_json(backend.local("evaluate", "blessing") / "blessing.json")["requirements"]
    return " ".join(row["sentence"] for row in rows)


def test_what_the_dashboard_draws_is_on_the_artifacts(cluster: Project):
    backend = cluster("cluster={image: i}").run()
    assert states(backend)["report"] == "succeeded"
    made = backend.made
    assert made["ingest"]["examples"]["metadata"]["train_rows"] > 4000
    assert made["train"]["history"]["metadata"]["epochs"] == 2
    assert 0.5 < made["evaluate"]["blessing"]["metadata"]["auc"] < 1
    assert made["evaluate"]["evaluation"]["metadata"].keys() == {"confidenceMetrics", "confusionMatrix"}
    assert len(json.dumps(made["evaluate"]["evaluation"]["metadata"])) < 12_000, (
        "it travels with every task that reads it"
    )


def test_a_model_that_is_not_blessed_shows_push_as_skipped_and_says_why_in_the_log(cluster: Project):
    backend = cluster("cluster={image: i}", "evaluate.require={auc: {min: 0.99}}").run()
    found = states(backend)
    assert (found["evaluate"], found["push"], found["report"]) == ("succeeded", "skipped", "succeeded")
    (line,) = [line for line in backend.ended["evaluate"].log.splitlines() if "stellwerk: refused: " in line]
    assert "auc" in line
    assert "0.99" in line


def test_refused_data_stop_the_step_after_the_one_that_shows_them(cluster: Project):
    pipeline = cluster("cluster={image: i}", "validate.schema=schema.pbtxt")
    (pipeline.spec.parent / "schema.pbtxt").write_text(
        'feature { name: "fare" type: FLOAT presence { min_fraction: 1 } }\n'
    )
    backend = pipeline.run()
    assert backend.ended["validate"].state == "succeeded"
    assert backend.ended["transform"].state == "failed"
    assert "stellwerk.errors.GateRefused: The data do not pass" in backend.ended["transform"].log
    assert {backend.ended[step].state for step in ("train", "evaluate", "push", "report")} == {"omitted"}
    assert _pages(backend) == {"ingest", "validate"}


def test_a_source_that_changes_after_the_run_began_is_refused(cluster: Project):
    backend = cluster("cluster={image: i}").run()
    backend.made["resolve"]["identity"]["flights"] = "another"
    backend.metadata.cache.clear()
    backend.run("ingest")
    assert "flights: its files were changed since the run began" in backend.ended["ingest"].log


SIGNS = """\
SELECT *, '$$ $$$ $(HOME) $(REGION)' AS dollars, '{{item}} {{workflow.name}} {{ inputs.x }} {{=1}} {{{{' AS braces,
 '{{$}} {{$.pipeline_job_uuid}} {{$.inputs.parameters[''directory'']}}' AS own, 'Zürich 東京 "\\n" ' AS others
FROM flights
"""


def test_a_text_arrives_as_it_was_written(cluster: Project, tmp_path: Path):
    pipeline = cluster("cluster={image: i, env: {REGION: 'eu-$$-$(HOME)'}}")
    document = yaml.load(pipeline.spec.read_text(encoding="utf-8"), yaml.CSafeLoader)
    document["data"]["query"] = SIGNS
    pipeline.spec.write_text(yaml.safe_dump(document), encoding="utf-8")
    backend = pipeline.run(sources={"flights": {"path": "flights.csv"}})
    assert states(backend)["push"] == "succeeded"
    assert read_json(backend.local("ingest", "examples") / "dataset.json")["query"] == SIGNS
    report = backend.local("report", "report").read_text(encoding="utf-8")
    assert "$$ $$$ $(HOME)" in report
    env = backend.ir["deploymentSpec"]["executors"]["exec-ingest"]["container"]["env"]
    assert [expanded(each["value"], {"HOME": "/root"}) for each in env] == ["eu-$$-$(HOME)"]


def test_unmarked_texts_would_not_arrive():
    assert expanded("a $$ b $(HOME) $(NONE)", {"HOME": "/root"}) == "a $ b /root $(NONE)"
    with pytest.raises(ValueError, match=r"failed to resolve \{\{item\}\}"):
        argo({"query": "{{item}}"})


def test_the_definitions_of_the_components_run_in_a_pipeline_of_ones_own(
    make_project: Callable[[Path], Path], tmp_path: Path
):
    spec = make_project(tmp_path / "project")
    document = yaml.load(spec.read_text(encoding="utf-8"), yaml.CSafeLoader)
    ir = documents(_by_hand(document, str(spec.parent)))[0]
    backend = Backend(ir, tmp_path / "pods")
    assert backend.run_all(), logs(backend)
    found = states(backend)
    assert set(found.values()) == {"succeeded"}
    assert len(found) == 12
    assert backend.local("push", "pushed_model").is_dir()


def _by_hand(document: dict[str, Any], directory: str) -> Any:
    """A pipeline of all definitions, in which every optional artifact is given somewhere."""
    face = {path.stem: kfp_components.load_component_from_file(str(path)) for path in DEFINITIONS.glob("*.yaml")}
    target, settings = document["target"], document["evaluate"]

    @dsl.pipeline(name="by-hand")
    def pipeline():  # type: ignore[no-untyped-def]  # KFP reads annotations, and no texts
        resolved = face["resolve"](data=document["data"], directory=directory)
        rows = face["ingest"](
            data=document["data"],
            directory=directory,
            numbers=["distance"],
            target=target,
            identity=resolved.outputs["identity"],
        ).outputs["examples"]
        checked = face["validate"](settings={}, target=target, examples=rows).outputs["validation"]
        face["validate"](settings={}, target=target, examples=rows, previous=checked, stop=False)
        changed = face["transform"](
            features=document["features"], target=target, hooks={}, examples=rows, validation=checked, stop=True
        )
        trained = face["train"](
            architecture=document["model"], training=document["train"], target=target, hooks={},
            transformed=changed.outputs["transformed"], transform_graph=changed.outputs["transform_graph"],
        )  # fmt: skip
        model = trained.outputs["model"]
        converted = face["convert"](
            formats=["litert"], model=model, transformed=changed.outputs["transformed"]
        ).outputs["converted"]
        judged = {"settings": settings, "target": target, "hooks": {}, "examples": rows}
        first = face["evaluate"](**judged, model=model)
        second = face["evaluate"](**judged, model=converted, baseline=model)
        blessing = second.outputs["blessing"]
        rehearsed = face["rehearse"](settings={}, model=converted, blessing=blessing, examples=rows).outputs[
            "rehearsal"
        ]
        face["push"](
            name="late", push_to={"to": "models"}, directory=directory, model=converted, evaluation=second.outputs["evaluation"],
            blessing=blessing, context={}, rehearsal=rehearsed, validation=checked, resolved=resolved.outputs["resolved"],
        )  # fmt: skip
        face["report"](
            context={"pipeline": "by-hand"}, spec="", validation=checked, history=trained.outputs["history"], model=model,
            evaluation=first.outputs["evaluation"], blessing=first.outputs["blessing"], rehearsal=rehearsed,
        )  # fmt: skip

    return pipeline
