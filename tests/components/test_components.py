"""Every step has a KFP face that fits its work, loads alone, and costs nothing until it is asked for."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from kfp import compiler
from kfp import components as kfp_components

from stellwerk import components
from stellwerk.components.calling import call, whole, written
from stellwerk.components.decisions import answer
from stellwerk.components.parts import PARTS, Part, opened
from stellwerk.components.run_values import changed
from stellwerk.errors import StepFailed
from stellwerk.steps import NAMES, STEPS

GATE = {"validate": {"stop", "manifest"}, "transform": {"stop"}}
"""How refused data stops the step after the one that shows it."""


def work_arguments(step: str) -> tuple[set[str], set[str]]:
    """Names of the arguments that a step's work needs, and of those it may be given, without importing it."""
    found = find_spec(STEPS[step].work)
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == step)
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    needed = {argument.arg for argument, default in pairs if default is None}
    return needed, {argument.arg for argument in function.args.kwonlyargs} - {"progress", "scratch", "kept", "expected"}


@pytest.mark.parametrize("step", NAMES)
def test_a_face_gives_its_work_every_argument(step: str):
    face = getattr(components, step).component_spec
    returned = {name for name, spec in face.outputs.items() if "system." not in spec.type}
    uris = {name for name in face.inputs if name.endswith("_uri")}
    assert all(face.inputs[uri.removesuffix("_uri")].optional for uri in uris)
    shown = {name for name in face.outputs if name.endswith("_page")}
    given = set(opened(dict.fromkeys({*face.inputs, *face.outputs} - returned - uris - shown)))
    given |= {"page"} if step == "report" else set()
    needed, possible = work_arguments(step)
    assert needed <= given
    inside = {part for name in ({*face.inputs} & PARTS.keys()) for part in PARTS[name]}
    changes = {change.argument for change in STEPS[step].changes}
    of_the_face = {"run", "report", *changes, *GATE.get(step, ()), *inside}
    assert given - possible <= of_the_face, "`run` goes into the context, changes into sections"
    assert possible - given == set()


def test_an_artifact_with_others_inside_is_given_by_its_parts():
    given = opened({"validation": Part("/v", "s3://b/v"), "model": None, "stop": True})
    assert given["schema"] == Part("/v/schema", "s3://b/v/schema")
    assert given.keys() == {"statistics", "schema", "anomalies", "manifest", "model", "stop"}
    assert opened({"validation": None})["statistics"] is None


@pytest.mark.parametrize("step", NAMES)
def test_a_face_loads_alone_from_its_own_ir(step: str, tmp_path):
    face = getattr(components, step)
    compiler.Compiler().compile(face, str(tmp_path / "ir.yaml"))
    text = (tmp_path / "ir.yaml").read_text(encoding="utf-8")
    assert (
        kfp_components.load_component_from_text(text).component_spec.inputs.keys() == face.component_spec.inputs.keys()
    )
    (executor,) = yaml.safe_load(text)["deploymentSpec"]["executors"].values()
    assert "pip install" not in " ".join(executor["container"]["command"]), "an air-gapped cluster can run it"


@pytest.mark.parametrize("step", NAMES)
def test_artifacts_have_the_types_of_the_contract(step: str):
    types = {
        "examples": "system.Dataset",
        "transformed": "system.Dataset",
        "model": "system.Model",
        "baseline": "system.Model",
        "converted": "system.Model",
        "pushed_model": "system.Model",
        "report": "system.HTML",
    }
    drawn = {"history": "Metrics", "blessing": "Metrics", "rehearsal": "Metrics", "evaluation": "ClassificationMetrics"}
    face = getattr(components, step).component_spec
    everything = {**face.inputs, **face.outputs}
    artifacts = {name: spec for name, spec in everything.items() if "system." in spec.type}
    for name, spec in artifacts.items():
        expected = "system.HTML" if name.endswith("_page") else types.get(name, "system.Artifact")
        if name in drawn and name in face.outputs:
            expected = f"system.{drawn[name]}"
        assert spec.type.split("@")[0] == expected, name


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
    with pytest.raises(StepFailed, match=r"^ingest: target\.type: Input should be .* Received: 'bin'\. If a package"):
        call("ingest", {**arguments, "target": {**target, "type": "bin"}, "sources": {"a": "a.csv"}})


def test_a_decision_is_a_parameter_that_conditions_may_ask_and_its_reasons_are_in_the_log(tmp_path, capsys):
    rows = [{"ok": False, "sentence": "auc is 0.6,\n  0.7 is required."}, {"ok": True, "sentence": "fine"}]
    (tmp_path / "blessing.json").write_text(json.dumps({"blessed": False, "requirements": rows}), encoding="utf-8")
    assert answer(tmp_path / "blessing.json", "blessed") is False
    assert capsys.readouterr().out == "stellwerk: refused: auc is 0.6, 0.7 is required.\n"
    for face in (components.evaluate, components.rehearse):
        assert face.component_spec.outputs["Output"].type == "Boolean", (
            "the local runner knows decisions by no other name"
        )


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
