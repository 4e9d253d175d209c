"""Every step has a KFP face that fits its work, loads alone, and costs nothing until it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from kfp import compiler
from kfp import components as kfp_components

from stellwerk import components
from stellwerk.components.answering import answer
from stellwerk.components.calling import STEPS, call, whole, written
from stellwerk.components.changing import CHANGES, changed
from stellwerk.components.earlier import EARLIER
from stellwerk.errors import StepFailed

SHOWN = {"page", "metrics", "classification", "verdict", "manifest"}
"""What faces write for the dashboard."""

GATE = {"validate": {"stop"}, "transform": {"anomalies"}}
"""How refused data stops the step after the one that shows it."""

PLACE = {step: {"name", "directory", "pushed_to"} for step in EARLIER}
"""Where what a step is compared with is found."""


def work_arguments(step: str) -> tuple[set[str], set[str]]:
    """Names of the arguments that a step's work needs, and of those it may be given, without importing it."""
    found = find_spec(STEPS[step])
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == step)
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    needed = {argument.arg for argument, default in pairs if default is None}
    return needed, {argument.arg for argument in function.args.kwonlyargs} - {"progress", "scratch", "kept"}


@pytest.mark.parametrize("step", STEPS)
def test_a_face_gives_its_work_every_argument(step: str):
    face = getattr(components, step).component_spec
    returned = {name for name, spec in face.outputs.items() if spec.type in ("Boolean", "String")}
    uris = {f"{name}_uri" for name in ("examples", "transformed") if f"{name}_uri" in face.inputs}
    assert all(face.inputs[uri.removesuffix("_uri")].optional for uri in uris)
    given = {*face.inputs, *face.outputs} - returned - uris
    needed, possible = work_arguments(step)
    assert needed <= given
    of_the_face = {"run", *CHANGES.get(step, ()), *SHOWN, *GATE.get(step, ()), *PLACE.get(step, ())}
    assert given - possible <= of_the_face, "`run` goes into the context, changes into sections"
    assert possible - given == set()


@pytest.mark.parametrize("step", STEPS)
def test_a_face_loads_alone_from_its_own_ir(step: str, tmp_path):
    face = getattr(components, step)
    compiler.Compiler().compile(face, str(tmp_path / "ir.yaml"))
    text = (tmp_path / "ir.yaml").read_text(encoding="utf-8")
    assert (
        kfp_components.load_component_from_text(text).component_spec.inputs.keys() == face.component_spec.inputs.keys()
    )
    (executor,) = yaml.safe_load(text)["deploymentSpec"]["executors"].values()
    assert "pip install" not in " ".join(executor["container"]["command"]), "an air-gapped cluster can run it"


@pytest.mark.parametrize("step", STEPS)
def test_artifacts_have_the_types_of_the_contract(step: str):
    types = {
        "examples": "system.Dataset",
        "transformed": "system.Dataset",
        "model": "system.Model",
        "baseline": "system.Model",
        "converted": "system.Model",
        "pushed_model": "system.Model",
        "summary": "system.Markdown",
        "metrics": "system.Metrics",
        "classification": "system.ClassificationMetrics",
        "verdict": "system.Markdown",
        "page": "system.HTML",
    }
    face = getattr(components, step).component_spec
    everything = {**face.inputs, **face.outputs}
    artifacts = {name: spec for name, spec in everything.items() if "system." in spec.type}
    assert artifacts
    for name, spec in artifacts.items():
        assert spec.type.split("@")[0] == types.get(name, "system.Artifact"), name


def test_importing_the_package_imports_neither_kfp_nor_a_framework():
    code = (
        "import sys, stellwerk.components, stellwerk.components.calling; "
        "print([name for name in ('kfp', 'tensorflow', 'pyarrow') if name in sys.modules])"
    )
    assert run(code) == "[]"


def test_the_kfp_client_is_left_out_until_it_is_asked_for():
    code = (
        "import sys; from stellwerk.components import train; import kfp; before = 'kfp.client' in sys.modules; "
        "print(before, kfp.Client.__name__, kfp.components.__name__, hasattr(kfp, 'nothing'))"
    )
    assert run(code) == "False Client kfp.components False"


def test_an_unknown_component_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'tune_it'"):
        components.tune_it  # noqa: B018


def test_whole_floats_in_json_become_integers_again():
    assert whole({"a": 5.0, "b": [1.0, 0.5, {"c": -2.0}], "d": "1.0", "e": True, "f": None}) == {
        "a": 5, "b": [1, 0.5, {"c": -2}], "d": "1.0", "e": True, "f": None,
    }  # fmt: skip
    assert type(whole({"a": 5.0})["a"]) is int


def test_what_a_run_is_given_takes_the_place_of_the_value_in_its_section():
    training = {"epochs": 5, "optimizer": {"type": "sgd", "learning_rate": 0.1}}
    given = changed("train", {"training": training, "epochs": 2, "batch_size": None, "learning_rate": 0.5})
    assert given == {"training": {"epochs": 2, "optimizer": {"type": "sgd", "learning_rate": 0.5}}}
    assert training["epochs"] == 5, "the section itself is left as it is"
    assert changed("push", {"push_to": {}, "to": "gs://b/c"}) == {"push_to": {"to": "gs://b/c"}}


def test_a_value_that_a_step_does_not_take_is_refused_by_the_name_of_the_parameter(tmp_path):
    arguments = {"data": {"split": {"by": "hash"}}, "directory": str(tmp_path), "numbers": [], "examples": "e"}
    target = {"column": "late", "type": "binary"}
    with pytest.raises(
        StepFailed, match=r"^ingest: sources: Input should be a valid dictionary\. Received: 'a\.csv'\.$"
    ):
        call("ingest", {**arguments, "target": target, "sources": "a.csv"})
    with pytest.raises(StepFailed, match=r"^ingest: target\.type: Input should be .* Received: 'bin'\.$"):
        call("ingest", {**arguments, "target": {**target, "type": "bin"}, "sources": {"a": "a.csv"}})


def test_a_decision_is_a_parameter_that_conditions_may_ask(tmp_path):
    (tmp_path / "blessing.json").write_text('{"blessed": false}', encoding="utf-8")
    assert answer(tmp_path / "blessing.json", "blessed") is False
    for face in (components.evaluate, components.rehearse):
        assert face.component_spec.outputs["Output"].type == "Boolean", (
            "the local runner knows decisions by no other name"
        )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": "SUCCEEDED", "error": {}}, "# flights succeeded"),
        ({"state": "FAILED", "error": {"code": 9, "message": "train failed\nwhy"}}, "> train failed\n> why"),
        ({"state": "FAILED", "error": {}}, "the end of its log says why"),
        ({"state": "PAUSED"}, "# flights ended as PAUSED"),
        (None, "# flights ended\n"),
    ],
)
def test_a_run_is_summed_up_however_it_ended(status: dict[str, object] | None, expected: str, tmp_path):
    context = {"pipeline": "flights", "spec": "pipeline.yaml", "spec_digest": "abc", "run": "r-1"}
    call("summarise", {"context": context, "status": status, "summary": tmp_path / "a" / "s.md", "epochs": 3})
    text = (tmp_path / "a" / "s.md").read_text(encoding="utf-8")
    assert expected in text
    assert "- run `r-1`" in text
    assert "- `epochs`: `3`" in text


def test_a_text_that_travelled_becomes_a_file_and_an_empty_one_none():
    file = written("feature {}\n")
    assert file is not None
    assert file.read_text(encoding="utf-8") == "feature {}\n"
    assert written("") is None


def test_kfp_runs_a_face_on_this_machine(tmp_path):
    rows = "\n".join(f"{day},{day * 10},{day % 2}" for day in range(200))
    (tmp_path / "flights.csv").write_text(f"day,distance,late\n{rows}\n", encoding="utf-8")
    code = f"""
from kfp import local
from stellwerk.components import ingest
local.init(local.SubprocessRunner(use_venv=False), pipeline_root={str(tmp_path / "root")!r})
task = ingest(
    data={{"sources": {{"flights": {{"path": "flights.csv"}}}}, "split": {{"by": "hash", "key": ["day"]}}}},
    directory={str(tmp_path)!r}, numbers=["distance"], target={{"column": "late", "type": "binary"}},
)
print(task.outputs["examples"].path)
"""
    examples = Path(run(code).splitlines()[-1])
    assert (
        sum(split["rows"] for split in yaml.safe_load((examples / "dataset.json").read_text())["splits"].values())
        == 200
    )


def run(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()
