"""A spec becomes KFP v2 IR: the same spec the same bytes, small, and without TensorFlow."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kfp
import pytest
import yaml
from kfp import components
from pydantic import TypeAdapter

from stellwerk.components.calling import whole
from stellwerk.components.run_values import changed
from stellwerk.errors import SpecError, UsageError
from stellwerk.loading import LoadedSpec, load
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.wiring import waits_for
from stellwerk.spec import Data, Evaluate, Feature, Model, Push, Target, Train
from stellwerk.steps import output_named

ROOT = Path(__file__).parents[3]
EXAMPLE = "examples/flight-delays/pipeline.yaml"
GOLDEN = Path(__file__).parent / "golden"
SDK = ".".join(kfp.__version__.split(".")[:2])
IMAGE = "cluster.image=registry.example/stellwerk:0.1.0"
FULL = GOLDEN / "cluster.yaml"
"""A section `cluster` with all that pods may be told."""
GOLDEN_SPECS: dict[str, list[str]] = {
    "flight-delays": [],
    "cluster": [],
    "in-place": [
        "cluster.pipeline_root=s3://runs/flights",
        "cluster.examples=in_place",
        "push.formats=[saved_model, litert]",
    ],
}
"""What is compiled to guard the IR, and what is said of it beside the file: `in-place` has every step that reads rows."""

Compile = Callable[..., tuple[LoadedSpec, dict[str, Any]]]


@functools.cache
def example(*overrides: str) -> tuple[LoadedSpec, str]:
    """The example, and its IR as text: compiled once, however many tests look at it."""
    loaded = load(ROOT / EXAMPLE, [IMAGE, *overrides])
    with tempfile.TemporaryDirectory() as folder:
        compile_spec(loaded, Path(folder) / "ir.yaml")
        return loaded, (Path(folder) / "ir.yaml").read_text(encoding="utf-8")


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """Compiles a spec, by default the example, and reads the IR."""

    def run(*overrides: str, spec: Path | None = None) -> tuple[LoadedSpec, dict[str, Any]]:
        if spec is None:
            loaded, text = example(*overrides)
            return loaded, next(iter(yaml.load_all(text, yaml.CSafeLoader)))
        loaded = load(spec, [IMAGE, *overrides])
        compile_spec(loaded, tmp_path / "ir.yaml")
        return loaded, next(iter(yaml.load_all((tmp_path / "ir.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)))

    return run


def tasks(ir: dict[str, Any]) -> dict[str, Any]:
    """Every task of the steps by name, out of the groups that they are in."""
    inside = [ir["root"], *ir["components"].values()]
    found = {name: task for each in inside for name, task in each.get("dag", {}).get("tasks", {}).items()}
    groups = [name for name, task in found.items() if "dag" in ir["components"][task["componentRef"]["name"]]]
    return {name: task for name, task in found.items() if name not in groups}


def constants(ir: dict[str, Any], task: str) -> dict[str, Any]:
    """What a task is given besides the pipeline's own parameters."""
    parameters = tasks(ir)[task]["inputs"]["parameters"]
    return {name: given["runtimeValue"]["constant"] for name, given in parameters.items() if "runtimeValue" in given}


def container(ir: dict[str, Any], task: str) -> dict[str, Any]:
    found: dict[str, Any] = ir["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
    return found


def from_the_run(ir: dict[str, Any], task: str) -> dict[str, Any]:
    """What a task is given by a run that leaves the pipeline's parameters as they are."""
    given = tasks(ir)[task]["inputs"]["parameters"]
    inputs = {
        name: each["componentInputParameter"] for name, each in given.items() if "componentInputParameter" in each
    }
    declared = ir["root"]["inputDefinitions"]["parameters"]
    names = {name: source.removeprefix("pipelinechannel--") for name, source in inputs.items()}
    return {name: declared[source]["defaultValue"] for name, source in names.items()}


def with_cluster(folder: Path) -> Path:
    """Writes the example with every setting of a cluster."""
    example = (ROOT / EXAMPLE).read_text(encoding="utf-8")
    (folder / "pipeline.yaml").write_text(example + FULL.read_text(encoding="utf-8"), encoding="utf-8")
    return folder / "pipeline.yaml"


@pytest.mark.parametrize("name", GOLDEN_SPECS)
def test_the_golden_ir_is_up_to_date(name: str, tmp_path):
    spec = with_cluster(tmp_path) if name == "cluster" else ROOT / EXAMPLE
    compile_spec(load(spec, [IMAGE, *GOLDEN_SPECS[name]]), tmp_path / "ir.yaml")
    golden = GOLDEN / f"{name}.kfp-{SDK}.yaml"
    if os.environ.get("REGENERATE_GOLDEN"):
        shutil.copy(tmp_path / "ir.yaml", golden)
    regenerate = "REGENERATE_GOLDEN=1 pytest tests/pipelines/kubeflow/test_compilation.py, with each of both SDKs"
    assert (tmp_path / "ir.yaml").read_text(encoding="utf-8") == golden.read_text(encoding="utf-8"), regenerate


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.kfp-*.yaml")), ids=lambda path: path.name)
def test_what_either_sdk_compiled_is_read_by_this_one(golden: Path):
    pipeline = components.load_component_from_file(str(golden))
    assert pipeline.name == "flight-delays"
    assert set(pipeline.component_spec.inputs) == {
        "directory", "sources", "epochs", "batch_size", "learning_rate", "push_to",
    }  # fmt: skip


def test_the_same_spec_gives_the_same_bytes_in_every_process(tmp_path):
    written = []
    for seed in ("1", "2"):
        output = tmp_path / f"{seed}.yaml"
        command = [sys.executable, "-m", "stellwerk", "compile", EXAMPLE, "--set", IMAGE, "-o", str(output)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60, capture_output=True)
        written.append(output.read_bytes())
    assert written[0] == written[1]


def test_compiling_loads_neither_tensorflow_nor_the_kubernetes_client():
    code = f"""
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile
with TemporaryDirectory() as folder:
    compile(load(Path("{EXAMPLE}"), ["{IMAGE}"]), Path(folder) / "ir.yaml")
heavy = ("tensorflow", "keras", "apache_beam", "kubernetes", "requests", "kfp.client", "numpy", "pyarrow", "duckdb")
print([name for name in heavy if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_ir_is_small():
    _, text = example()
    assert len(text.encode()) < 60_000


def test_tasks_are_wired_as_the_graph_says(compiled):
    loaded, ir = compiled()
    steps = graph(loaded).steps
    assert set(tasks(ir)) == {step.name for step in steps} | {"resolve", "report"}
    for step in steps:
        wired = tasks(ir)[step.name]["inputs"].get("artifacts", {})
        made = {}
        for name, given in wired.items():
            output = given["taskOutputArtifact"]
            made[name] = (output["producerTask"], output["outputArtifactKey"])
        assert made == {
            output_named(artifact).within or name: (maker, output_named(artifact).shown)
            for name, (maker, artifact) in step.inputs.items()
        }


def test_the_first_page_of_a_run_shows_its_steps_and_a_handful_of_artifacts_each(compiled):
    """The dashboard draws a box for each task of the root and for each output artifact of one, and an arrow for each input."""
    _, ir = compiled()
    boxes = ir["root"]["dag"]["tasks"]
    assert list(boxes) == list(tasks(ir)), "no step is inside a group"
    made = [
        (task, name)
        for task, each in boxes.items()
        for name in ir["components"][each["componentRef"]["name"]].get("outputDefinitions", {}).get("artifacts", {})
    ]
    assert len(boxes) == 9
    assert len(made) == 16
    assert len({name for _, name in made}) == len(made), "no two artifacts have the same name"
    assert max(sum(task == each for each, _ in made) for task in boxes) == 3
    inputs = sum(len(each.get("inputs", {}).get("artifacts", {})) for each in boxes.values())
    straight = {
        (given["taskOutputParameter"]["producerTask"], name)
        for name, each in boxes.items()
        for given in each["inputs"]["parameters"].values()
        if "taskOutputParameter" in given
    }
    assert (inputs, straight) == (
        21, {("resolve", "ingest"), ("resolve", "evaluate"), ("resolve", "push"), ("rehearse", "push")}
    )  # fmt: skip
    assert not any("dependentTasks" in each for each in boxes.values()), "what inputs say already is no arrow more"


def test_data_that_is_refused_is_shown_by_validate_and_stops_transform(compiled):
    _, ir = compiled()
    assert constants(ir, "validate")["stop"] is False
    assert constants(ir, "transform")["stop"] is True
    _, ir = compiled("validate.on_anomaly=warn")
    assert "stop" not in {**constants(ir, "validate"), **constants(ir, "transform")}


def test_the_report_of_the_run_fetches_no_rows_and_waits_for_no_push(compiled):
    loaded, ir = compiled()
    task = tasks(ir)["report"]
    assert constants(ir, "report")["spec"] == loaded.text
    assert {"examples", "transformed", "pushed_model"}.isdisjoint(task["inputs"]["artifacts"])
    assert "push" not in waits_for(task)
    types = ir["components"]["comp-report"]["outputDefinitions"]["artifacts"]
    assert types["report"]["artifactType"]["schemaTitle"] == "system.HTML"
    _, ir = compiled("push.rehearse=null")
    assert "rehearsal" not in tasks(ir)["report"]["inputs"]["artifacts"]


def test_an_optional_artifact_that_nothing_gives_is_not_in_the_ir(compiled):
    _, ir = compiled()
    artifacts = {name: set(each["inputDefinitions"].get("artifacts", {})) for name, each in ir["components"].items()}
    assert artifacts["comp-validate"] == {"examples"}
    assert artifacts["comp-evaluate"] == {"examples", "model"}
    assert artifacts["comp-push"] == {"model", "evaluation", "blessing", "validation", "rehearsal"}
    _, ir = compiled("push.rehearse=null")
    assert "rehearsal" not in ir["components"]["comp-push"]["inputDefinitions"]["artifacts"]


def test_sections_survive_the_journey_whole_numbers_included(compiled, tmp_path):
    shutil.copy(ROOT / EXAMPLE, tmp_path)
    (tmp_path / "model.py").write_text("def build(inputs, a, b, c): ...\n", encoding="utf-8")
    model = "model={build: model.py:build, parameters: {a: 3, b: 0.5, c: [1, 2]}}"
    loaded, ir = compiled("target.positive=1", model, spec=tmp_path / "pipeline.yaml")
    spec = loaded.spec
    for task, name, kind, section in (
        ("ingest", "data", Data, spec.data),
        ("transform", "features", dict[str, Feature], spec.features),
        ("train", "architecture", Model, spec.model),
        ("train", "training", Train, spec.train),
        ("evaluate", "settings", Evaluate, spec.evaluate),
        ("push", "push_to", Push, spec.push),
    ):
        given = whole(changed(task, {**constants(ir, task), **from_the_run(ir, task)}))
        assert TypeAdapter(kind).validate_python(given[name]) == section
    assert Target.model_validate(whole(constants(ir, "train")["target"])) == spec.target
    parameters = whole(constants(ir, "train")["architecture"])["parameters"]
    assert [type(value) for value in (parameters["a"], parameters["b"])] == [int, float]


def test_sources_that_are_read_in_place_are_so_on_kubeflow_too(compiled):
    given = {"path": "gs://flights/2013/*.parquet", "access": "in_place"}
    loaded, ir = compiled(f"data.sources.flights={json.dumps(given)}")
    assert ir["root"]["inputDefinitions"]["parameters"]["sources"]["defaultValue"]["flights"] == given
    data = whole(changed("ingest", {**constants(ir, "ingest"), **from_the_run(ir, "ingest")}))["data"]
    assert Data.model_validate(data).sources["flights"] == loaded.spec.data.sources["flights"]


def test_hooks_and_the_curated_schema_travel_as_text(compiled, tmp_path):
    (tmp_path / "features.py").write_text("def speed(inputs):\n    return inputs['distance'] * 2\n", encoding="utf-8")
    (tmp_path / "schema.pbtxt").write_text('feature { name: "distance" }\n', encoding="utf-8")
    spec = tmp_path / "pipeline.yaml"
    spec.write_text(
        "name: a\ndata: {sources: {a: a.csv}}\ntarget: {column: late, type: binary}\nvalidate: {schema: schema.pbtxt}\n"
        "features: {distance: {transform: features.py:speed}}\n",
        encoding="utf-8",
    )
    _, ir = compiled(spec=spec)
    assert constants(ir, "transform")["hooks"] == {
        "features.py": (tmp_path / "features.py").read_text(encoding="utf-8")
    }
    assert constants(ir, "validate")["curated"] == 'feature { name: "distance" }\n'


def test_relative_paths_start_at_a_parameter_of_the_pipeline(compiled):
    _, ir = compiled()
    assert ir["root"]["inputDefinitions"]["parameters"]["directory"]["defaultValue"] == "/data"
    for task in ("resolve", "ingest", "push"):
        assert from_the_run(ir, task)["directory"] == "/data"


def test_every_step_runs_in_the_image_and_installs_nothing(compiled):
    _, ir = compiled()
    for executor in ir["deploymentSpec"]["executors"].values():
        assert executor["container"]["image"] == "registry.example/stellwerk:0.1.0"
        assert "pip install" not in " ".join(executor["container"]["command"])


def test_resources_are_those_of_the_step(compiled):
    _, ir = compiled("cluster.resources={train: {cpu: 0.5, memory: 16Gi, gpu: 2}}")
    resources = container(ir, "train")["resources"]
    assert resources["resourceCpuLimit"] == resources["resourceCpuRequest"] == "0.5"
    assert resources["resourceMemoryLimit"] == resources["resourceMemoryRequest"] == "16Gi"
    assert (resources["accelerator"]["resourceType"], resources["accelerator"]["resourceCount"]) == (
        "nvidia.com/gpu",
        "2",
    )
    assert "resources" not in container(ir, "ingest")


def test_steps_that_meet_the_world_outside_are_never_taken_from_the_cache(compiled):
    _, ir = compiled()
    uncached = {name for name, task in tasks(ir).items() if not task["cachingOptions"].get("enableCache")}
    assert uncached == {"resolve", "push"}
    made = {"producerTask": "resolve", "outputParameterKey": "identity"}
    assert tasks(ir)["ingest"]["inputs"]["parameters"]["identity"] == {"taskOutputParameter": made}
    assert "{{$" not in str(constants(ir, "report")), "the report of an unchanged run comes from the cache"


def test_what_decides_the_model_decides_the_recipe_and_nothing_else_does(compiled):
    def recipe(*overrides: str) -> str:
        return str(constants(compiled(*overrides)[1], "resolve")["recipe"])

    assert recipe() == recipe(
        "train.epochs=7", "evaluate.slices=[]", "push.to=s3://models", "cluster.service_account=a"
    )
    assert (
        len({recipe(), recipe("train.seed=7"), recipe("model.hidden=[8]"), recipe("features.seats.missing=mean")}) == 4
    )


def test_the_run_that_pushes_is_in_the_provenance(compiled):
    _, ir = compiled()
    given = constants(ir, "push")
    assert given["run"] == "{{$.pipeline_job_uuid}}"
    assert given["context"]["pipeline"] == "flight-delays"
    assert len(given["context"]["spec_digest"]) == 64


def test_without_a_cluster_section_it_says_what_to_add(tmp_path):
    with pytest.raises(
        SpecError, match=r"pipeline\.yaml:\d+: cluster: is missing\. .* add `cluster: \{image: "
    ) as caught:
        compile_spec(load(ROOT / EXAMPLE), tmp_path / "ir.yaml")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "ir.yaml").exists()


@pytest.mark.parametrize(("name", "message"), [("ir.json", "the IR is YAML"), ("file/ir.yaml", "cannot be written: ")])
def test_an_output_that_cannot_be_is_a_usage_error_and_leaves_nothing(tmp_path, name: str, message: str):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        compile_spec(load(ROOT / EXAMPLE, [IMAGE]), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
