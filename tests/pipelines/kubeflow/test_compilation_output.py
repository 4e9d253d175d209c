"""What compile writes besides the tasks: parameters, the condition of push, Kubernetes objects, and the size of it all."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jsonschema
import kfp
import pytest
import yaml
from kfp import compiler, components

from stellwerk.errors import UsageError
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.compilation import intermediate
from stellwerk.pipelines.kubeflow.manifest import objects
from stellwerk.pipelines.kubeflow.reading import problems

EXAMPLE = Path(__file__).parents[3] / "examples/flight-delays/pipeline.yaml"
IMAGE = "cluster.image=registry.example/stellwerk:0.1.0"

NAME = {"type": "string", "pattern": r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", "maxLength": 253}


def custom_resource(kind: str, **spec: Any) -> dict[str, Any]:
    """The schema of a custom resource of KFP, with the fields that its API server knows and no other."""
    metadata = {"type": "object", "required": ["name"], "additionalProperties": False}
    fields = {"displayName": {"type": "string"}, "description": {"type": "string"}, **spec}
    return {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": "pipelines.kubeflow.org/v2beta1"},
            "kind": {"const": kind},
            "metadata": {**metadata, "properties": {"name": NAME, "namespace": NAME}},
            "spec": {"type": "object", "additionalProperties": False, "properties": fields, "required": list(spec)},
        },
    }


PIPELINE = custom_resource("Pipeline")
VERSION = custom_resource("PipelineVersion", pipelineName=NAME, pipelineSpec={"type": "object"})
VERSION["properties"]["spec"]["properties"]["platformSpec"] = {"type": "object", "required": ["platforms"]}


@pytest.fixture
def ir() -> Callable[..., list[dict[str, Any]]]:
    return lambda *overrides, **how: intermediate(load(EXAMPLE, [IMAGE, *overrides]), **how)


def test_what_a_person_changes_between_runs_is_a_parameter_with_type_default_and_meaning(ir):
    declared = ir()[0]["root"]["inputDefinitions"]["parameters"]
    told = {name: (each["parameterType"], each["defaultValue"]) for name, each in declared.items()}
    assert told == {
        "directory": ("STRING", "/data"),
        "sources": ("STRUCT", {name: f"data/{name}.csv" + ".zip" * (name == "flights") for name in ("airports", "flights", "planes", "weather")}),
        "epochs": ("NUMBER_INTEGER", 5),
        "batch_size": ("NUMBER_INTEGER", 1024),
        "learning_rate": ("NUMBER_DOUBLE", 0.001),
        "push_to": ("STRING", "models"),
    }  # fmt: skip
    assert declared["epochs"]["description"].startswith("Passes over the train split; by default")
    assert all(each["description"] for each in declared.values())


def test_a_source_with_options_stays_a_section(ir):
    (pipeline,) = ir('data.sources.flights={path: [a.csv, b.csv], format: csv, delimiter: ";"}')
    sources = pipeline["root"]["inputDefinitions"]["parameters"]["sources"]["defaultValue"]
    assert sources["flights"] == {"path": ["a.csv", "b.csv"], "format": "csv", "delimiter": ";"}


def test_a_spec_that_pushes_nothing_has_no_place_to_push_to(ir):
    (pipeline,) = ir("push=null")
    assert "push_to" not in pipeline["root"]["inputDefinitions"]["parameters"]
    assert "comp-push" not in pipeline["components"]


def test_a_value_that_is_a_parameter_is_nowhere_else(ir):
    text = yaml.safe_dump(ir("train.batch_size=777", "train.optimizer.learning_rate=0.125", "push.to=gs://place-b/m"))
    for value in ("777", "0.125", "gs://place-b/m"):
        assert text.count(value) == 1


def test_a_model_that_a_gate_refused_is_not_pushed(ir):
    for overrides, judge in (((), "rehearse"), (("push.rehearse=null",), "evaluate")):
        push = ir(*overrides)[0]["root"]["dag"]["tasks"]["push"]
        asked = f"pipelinechannel--{judge}-Output"
        assert push["triggerPolicy"] == {"condition": f"inputs.parameter_values['{asked}'] == true"}
        made = {"producerTask": judge, "outputParameterKey": "Output"}
        assert push["inputs"]["parameters"][asked] == {"taskOutputParameter": made}


def test_for_the_local_runner_push_refuses_by_itself(ir):
    push = ir(local=True)[0]["root"]["dag"]["tasks"]["push"]
    assert "triggerPolicy" not in push
    assert not any(name.startswith("pipelinechannel--") for name in push["inputs"]["parameters"])


def test_outputs_of_steps_are_described_as_their_faces_do(ir):
    outputs = ir()[0]["components"]["comp-evaluate"]["outputDefinitions"]
    assert outputs["artifacts"]["evaluation"]["description"].startswith("Metrics of every slice, as TFMA")
    assert outputs["parameters"]["Output"] == {
        "description": "Whether every requirement is met, for conditions.", "parameterType": "BOOLEAN",
    }  # fmt: skip


def test_the_ir_has_no_problem_that_reading_it_finds(ir):
    assert list(problems(tuple(ir()))) == []


@pytest.mark.parametrize("overrides", [(), ("cluster.volumes={flights: /data}",)])
def test_kubernetes_objects_are_as_kfp_defines_them(overrides: tuple[str, ...], ir):
    made = ir(*overrides)
    pipeline, version = objects(made, "team-a")
    jsonschema.validate(pipeline, PIPELINE)
    jsonschema.validate(version, VERSION)
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == "flight-delays"
    assert version["spec"]["pipelineSpec"] == made[0]
    assert version["spec"].get("platformSpec") == (made[1] if overrides else None)
    assert {each["metadata"]["namespace"] for each in (pipeline, version)} == {"team-a"}
    assert all("namespace" not in each["metadata"] for each in objects(made))


def test_kubernetes_objects_are_those_that_the_sdk_writes(ir, tmp_path):
    compile_spec(load(EXAMPLE, [IMAGE]), tmp_path / "ir.yaml")
    pipeline = components.load_component_from_file(str(tmp_path / "ir.yaml"))
    known = inspect.signature(compiler.Compiler.compile).parameters
    if "kubernetes_manifest_format" not in known:
        assert kfp.__version__ < "2.14", "the older SDK has no such form: what the newer one writes is held to here"
        return
    from kfp.compiler.compiler_utils import KubernetesManifestOptions  # noqa: PLC0415 - only there

    options = KubernetesManifestOptions(include_pipeline_manifest=True)
    compiler.Compiler().compile(
        pipeline, str(tmp_path / "sdk.yaml"), kubernetes_manifest_format=True, kubernetes_manifest_options=options
    )
    theirs = list(yaml.load_all((tmp_path / "sdk.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader))
    ours = objects(ir())
    for mine, other in zip(ours, theirs, strict=True):
        assert {key: type(value) for key, value in mine["spec"].items()} == {
            key: type(value) for key, value in other["spec"].items()
        }
        assert (mine["apiVersion"], mine["kind"]) == (other["apiVersion"], other["kind"])
    assert ours[1]["spec"]["pipelineSpec"] == theirs[1]["spec"]["pipelineSpec"]


def test_another_pipeline_is_another_version_and_the_same_one_is_the_same(ir):
    first, again, other = (objects(ir(*overrides))[1]["metadata"]["name"] for overrides in ((), (), ("train.seed=7",)))
    assert first == again
    assert first != other
    assert re.fullmatch(r"flight-delays-[0-9a-f]{10}", first)


def test_compile_says_how_large_the_pipeline_is_and_writes_what_was_asked_for(stellwerk, tmp_path):
    ran = stellwerk(
        "compile", EXAMPLE, "--set", IMAGE, "-o", tmp_path / "m.yaml", "--kubernetes-manifest", "--namespace", "a"
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"{tmp_path / 'm.yaml'}\n"
    said = re.search(r"m\.yaml: (\d+\.\d) kB, (\d+) tasks; up to (\d+) kB of 524 kB as a workflow", ran.stderr)
    assert said is not None
    assert float(said[1]) == pytest.approx((tmp_path / "m.yaml").stat().st_size / 1000, abs=0.1)
    assert (
        1.3 < float(said[3]) / float(said[1]) < 1.8
    )  # KFP's own compiler, 2.5 and 2.16, made 1.37 to 1.45 bytes of one
    kinds = [
        each["kind"] for each in yaml.load_all((tmp_path / "m.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    ]
    assert kinds == ["Pipeline", "PipelineVersion"]
    ran = stellwerk("compile", EXAMPLE, "--set", IMAGE, "-o", tmp_path / "i.yaml", "--namespace", "a")
    assert ran.returncode == 2
    assert "--namespace is for --kubernetes-manifest" in ran.stderr


def test_a_pipeline_that_kubernetes_would_not_take_is_refused_with_what_is_large_in_it(tmp_path):
    (tmp_path / "model.py").write_text(f"def build(inputs): ...\nTABLE = '{'x' * 140_000}'\n", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    loaded = load(tmp_path / "pipeline.yaml", [IMAGE, "model={build: model.py:build}"])
    with pytest.raises(
        UsageError, match=r"too large for Kubeflow: .* is \d+ kB long, .* Largest in it: train.hooks 140 kB"
    ):
        compile_spec(loaded, tmp_path / "ir.yaml")
    assert not (tmp_path / "ir.yaml").exists()


def test_what_a_driver_is_given_counts_as_it_is_written_into_its_environment(tmp_path):
    """Quotes and line ends take two bytes there, which a hook has many of: 50,000 quotes are too much, 50,000 letters are not."""
    (tmp_path / "pipeline.yaml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    for letter, refused in (("x", False), ('"', True)):
        (tmp_path / "model.py").write_text(f"def build(inputs): ...\nTABLE = '{letter * 50_000}'\n", encoding="utf-8")
        loaded = load(tmp_path / "pipeline.yaml", [IMAGE, "model={build: model.py:build}"])
        with (
            pytest.raises(UsageError, match=r"what starts (the whole pipeline|train) is ") if refused else nullcontext()
        ):
            compile_spec(loaded, tmp_path / "ir.yaml")
