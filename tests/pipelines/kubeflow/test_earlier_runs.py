"""Runs of a compiled pipeline are compared with what was pushed before them: the model, and the data that it was made from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from stellwerk import components
from stellwerk.components.artifacts.folders import read_json
from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.previous_artifacts import notes
from stellwerk.pipelines.kubeflow.settings import reaching
from stellwerk.spec.cluster import Cluster

COMPARED = (
    "validate.drift={distance: {jensen_shannon: 0.1}}",
    "evaluate.require={auc: {min_gain: -0.02}}",
    "cluster={image: registry.example/stellwerk:0.1.0}",
)


@dataclass
class Artifact:
    """An artifact as KFP gives it to a face."""

    path: str
    uri: str = "gs://bucket/artifact"
    metadata: dict[str, Any] = field(default_factory=dict)


class Pipeline:
    """A compiled pipeline whose steps are called with what its IR gives them, and with artifacts of a run."""

    def __init__(self, spec: Path, ran: Path, *overrides: str) -> None:
        self.folder = spec.parent / "cluster"
        self.ran = ran
        compile_spec(load(spec, overrides), spec.parent / "ir.yaml")
        self.ir = next(iter(yaml.load_all((spec.parent / "ir.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)))

    def arguments(self, step: str, run: dict[str, Any]) -> dict[str, Any]:
        """What the parameters of a task are in a run that is given `run`."""
        tasks = self.ir["root"]["dag"]["tasks"]
        declared = self.ir["root"]["inputDefinitions"]["parameters"]
        found = {}
        for name, given in tasks[step]["inputs"]["parameters"].items():
            if "runtimeValue" in given:
                found[name] = given["runtimeValue"]["constant"]
            elif "taskOutputParameter" in given:
                if given["taskOutputParameter"]["producerTask"] == "resolve":
                    found[name] = getattr(self.resolve(run), given["taskOutputParameter"]["outputParameterKey"])
            else:
                parameter = given["componentInputParameter"].removeprefix("pipelinechannel--")
                found[name] = run.get(parameter, declared[parameter]["defaultValue"])
        return found

    def given(self, step: str) -> dict[str, Any]:
        """The parameters of a task."""
        found: dict[str, Any] = self.ir["root"]["dag"]["tasks"][step]["inputs"]["parameters"]
        return found

    def resolve(self, run: dict[str, Any]) -> Any:
        """What the task resolve returns; `data` stands for the sources, which the tests do not ingest."""
        given = {**self.arguments("resolve", run), "sources": {"flights": str(self.folder.parent / "flights.csv")}}
        return components.resolve.python_func(**given)

    def call(self, step: str, run: dict[str, Any], **inputs: Path) -> Path:
        """Calls the face of a step; returns the folder of its outputs."""
        face = getattr(components, step)
        made = self.folder / step
        shutil.rmtree(made, ignore_errors=True)
        names = {name for name, each in face.component_spec.outputs.items() if each.type.startswith("system.")}
        artifacts = {name: Artifact(str(made / name)) for name in names}
        artifacts |= {name: Artifact(str(path)) for name, path in inputs.items()}
        face.python_func(**self.arguments(step, run), **artifacts)
        return made

    def push(self, run: dict[str, Any]) -> None:
        """Pushes the model of the run."""
        inputs = {name: self.ran / "evaluate" / name for name in ("evaluation", "blessing")}
        self.call("push", run, model=self.ran / "train" / "model", validation=self.ran / "validate", **inputs)


@pytest.fixture
def ran(finished: Path) -> Path:
    """The folder of a run that made a good model."""
    return max((finished.parent / "runs").glob("*/*/run.json")).parent


@pytest.fixture
def pipeline(make_project: Callable[[Path], Path], tmp_path: Path, ran: Path) -> Pipeline:
    return Pipeline(make_project(tmp_path / "project"), ran, *COMPARED)


@pytest.fixture(params=["folder", "s3", "gcs"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """What runs are given, so that they push to each kind of place in turn."""
    if request.param == "folder":
        return {"directory": str(tmp_path), "push_to": "models"}
    request.getfixturevalue(f"{request.param}_store")
    return {"directory": "/nowhere", "push_to": f"{request.param.replace('gcs', 'gs')}://models/production"}


@pytest.fixture(scope="module")
def guess(ran_examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says of itself what the good one does, and knows nothing."""
    import tensorflow as tf  # noqa: PLC0415

    class Guess(tf.Module):  # type: ignore[misc, name-defined, unused-ignore]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "distance")])
        def answer(self, distance):
            return {"probabilities": tf.zeros_like(distance)[:, None] + 0.5}

    folder = tmp_path_factory.mktemp("guess") / "model"
    module = Guess()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.answer})
    described = Path("assets.extra") / "stellwerk.json"
    (folder / described).parent.mkdir()
    shutil.copyfile(ran_examples.parents[1] / "train" / "model" / described, folder / described)
    return folder


@pytest.fixture(scope="module")
def drifted(ran_examples: Path, make_examples: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples of the run with distances that have moved."""
    import pyarrow.compute as pc  # noqa: PLC0415

    table = pq.read_table(ran_examples / "train" / "part-00000.parquet")
    place = table.schema.get_field_index("distance")
    moved = table.set_column(place, "distance", pc.add(table["distance"], 4000))
    return make_examples(tmp_path_factory.mktemp("drifted") / "examples", moved)


@pytest.fixture(scope="module")
def ran_examples(finished: Path) -> Path:
    return max((finished.parent / "runs").glob("*/*/run.json")).parent / "ingest" / "examples"


def test_the_second_run_refuses_a_worse_model_and_data_that_drifted(
    pipeline: Pipeline, run: dict[str, Any], guess: Path, drifted: Path, ran_examples: Path
):
    evaluated = pipeline.call("evaluate", run, examples=ran_examples, model=guess)
    assert "no blessed model to compare with yet" in sentence(evaluated), "nothing is pushed: the first model is taken"
    assert anomalies(pipeline.call("validate", run, examples=drifted)) == []
    pipeline.push(run)
    evaluated = pipeline.call("evaluate", {**run, "epochs": 9}, examples=ran_examples, model=guess)
    assert read_json(evaluated / "blessing" / "blessing.json")["blessed"] is False
    assert "worse than the last blessed model's" in sentence(evaluated)
    assert anomalies(pipeline.call("validate", run, examples=drifted)) == [], "data is not compared with itself"
    with (pipeline.folder.parent / "flights.csv").open("a") as source:
        source.write("2013,1,1,515,UA,EWR,1400,0\n")
    (row,) = anomalies(pipeline.call("validate", run, examples=drifted))
    assert (row["column"], row["kind"]) == ("distance", "DRIFT_JENSEN_SHANNON_DIVERGENCE_HIGH")


def sentence(evaluated: Path) -> str:
    asked = read_json(evaluated / "blessing" / "blessing.json")["requirements"]
    (compared,) = [requirement for requirement in asked if requirement["bound"] == "min_gain"]
    return str(compared["sentence"])


def anomalies(validated: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_json(validated / "validation" / "anomalies" / "anomalies.json")["anomalies"]
    return found


def test_a_gate_that_cannot_see_what_was_pushed_says_nothing(
    pipeline: Pipeline, ran: Path, s3_store: Any, ran_examples: Path
):
    s3_store.refuse = lambda method, path: 403
    run = {"push_to": "s3://models/production"}
    with pytest.raises(StepFailed, match=r"these credentials have no right to it.* There is nothing to compare with"):
        pipeline.call("evaluate", run, examples=ran_examples, model=ran / "train" / "model")
    assert not list(pipeline.folder.rglob("*.json"))


def test_what_an_embedded_run_pushed_is_compared_with_too(
    pipeline: Pipeline, finished: Path, guess: Path, ran_examples: Path
):
    run = {"directory": str(finished.parent)}
    evaluated = pipeline.call("evaluate", run, examples=ran_examples, model=guess)
    assert "worse than the last blessed model's" in sentence(evaluated)


def test_a_step_that_asks_for_no_comparison_is_told_no_place(make_project, tmp_path: Path, ran: Path):
    spec = make_project(tmp_path)
    told = Pipeline(spec, ran, *COMPARED)
    untold = Pipeline(spec, ran, "cluster={image: i}", "evaluate.min_gain=null")
    usual = Pipeline(spec, ran, "cluster={image: i}")
    sliced = Pipeline(spec, ran, "cluster={image: i}", "evaluate.require={auc: {per_slice: {min_gain: 0}}}")
    for step, argument in (("validate", "previous"), ("evaluate", "baseline")):
        assert f"{argument}_uri" in told.given(step)
        assert f"{argument}_uri" not in untold.given(step)
    assert "baseline_uri" in sliced.given("evaluate")
    assert "baseline_uri" in usual.given("evaluate"), "a worse model is not pushed by default"
    assert told.arguments("resolve", {}).items() >= {"name": "small-flights", "pushed_to": "models"}.items()


def test_a_step_that_reads_where_models_are_pushed_gets_what_push_reaches_it_with():
    cluster = Cluster.model_validate(
        {
            "image": "i",
            "env": {"REGION": "eu"},
            "steps": {
                "push": {
                    "env": {"AWS_PROFILE": "writer", "REGION": "us"},
                    "volumes": {"models": "/models", "logs": "/logs"},
                    "secrets": {
                        "writer": {"env": {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}},
                        "gcs": {"mount": "/secrets/gcs"},
                    },
                },
                "evaluate": {
                    "volumes": {"other": "/logs"},
                    "secrets": {"reader": {"env": {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}}},
                },
            },
        }
    )
    pod = reaching(cluster.pod("evaluate"), cluster.pod("push"))
    assert pod.env == {"AWS_PROFILE": "writer", "REGION": "eu"}
    assert pod.volumes == {"models": "/models", "other": "/logs"}
    assert set(pod.secrets) == {"reader", "gcs"}, "a step's own credentials take the place of push's"
    assert set(cluster.pod("evaluate").secrets) == {"reader"}


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["push=null"], "nothing is pushed"),
        (["push.to=models"], "push.to is a folder and no volume is mounted there"),
        (["push.to=/elsewhere/models", "cluster.volumes={claim: /data}"], "push.to is a folder and no volume"),
        (["push.to=/elsewhere/models", "cluster.steps={push: {volumes: {claim: /elsewhere}}}"], None),
        (["push.to=models", "cluster.volumes={claim: /data}"], None),
        (["push.to=s3://models/production"], None),
        (["push=null", "evaluate.require={auc: {min: 0.5}}", "validate.drift={}"], None),
        (["push=null", "cluster=null"], None),
    ],
)
def test_a_comparison_that_can_never_be_made_is_told_with_its_line(
    make_project, tmp_path: Path, overrides: list[str], why: str | None
):
    found = [str(note) for note in notes(load(make_project(tmp_path), [*COMPARED, *overrides]))]
    assert len(found) == (2 if why else 0)
    for note, key in zip(found, ("validate.drift", "evaluate.require.auc.min_gain"), strict=False):
        assert key in note
        assert why is not None
        assert f"on Kubeflow there is never anything to compare with: {why}" in note


def test_check_and_compile_say_so_and_go_on(make_project, stellwerk, tmp_path: Path):
    spec = make_project(tmp_path)
    settings = [part for override in (*COMPARED, "push=null") for part in ("--set", override)]
    for ran in (
        stellwerk("check", spec, "--no-data", *settings),
        stellwerk("compile", spec, "-o", tmp_path / "ir.yaml", *settings),
    ):
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr.count("note: ") == 2
        assert "note: " not in ran.stdout
