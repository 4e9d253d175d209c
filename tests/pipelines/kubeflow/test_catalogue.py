"""The steps as components of anyone's own pipelines: importable, loadable without Stellwerk, documented as they are."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl
from kfp import components as kfp_components

from stellwerk import components
from stellwerk.components import evaluate, ingest, push, rehearse, report, train, transform, validate
from stellwerk.components.face import IMAGE
from stellwerk.pipelines.kubeflow.catalogue import definition, page, write_definitions
from stellwerk.steps import NAMES

ROOT = Path(__file__).parents[3]
STALE = "is not what the faces say; run: make docs"
OWN_PIPELINE = """
from kfp import components, dsl, local
from stellwerk.components import ingest, validate
from stellwerk.pipelines.kubeflow.writing import text_of, without_unwired
from google.protobuf.json_format import MessageToDict

@dsl.component(install_kfp_package=False)
def count(validation: dsl.Input[dsl.Artifact]) -> str:
    import json
    rows = json.load(open(validation.path + "/manifest/dataset.json"))["rows"]
    found = json.load(open(validation.path + "/anomalies/anomalies.json"))["anomalies"]
    return f"{rows['written']} rows, {len(found)} anomalies"

@dsl.pipeline
def own(directory: str) -> str:
    target = {"column": "late", "type": "binary"}
    data = {"sources": {"flights": "flights.csv"}, "split": {"by": "hash", "key": ["day"]}}
    rows = ingest(data=data, directory=directory, numbers=["distance"], target=target)
    # The column late is not in this schema: an anomaly in each split, which does not stop the step.
    schema = 'feature { name: "day" type: INT } feature { name: "distance" type: FLOAT }'
    checked = validate(settings={}, target=target, examples=rows.outputs["examples"], curated=schema, stop=False)
    return count(validation=checked.outputs["validation"]).output

local.init(local.SubprocessRunner(use_venv=False), pipeline_root="root")
ir = without_unwired(MessageToDict(own.pipeline_spec))  # KFP 2.13 runs no optional artifact
loaded = components.load_component_from_text(text_of([ir]))
print(loaded(directory=".").output)
"""


def without_version(text: str) -> str:
    """The definition without the one line in which the two stacks differ."""
    return re.sub(r"(?m)^sdkVersion: .*\n", "", text)


@pytest.mark.parametrize("step", NAMES)
def test_a_definition_is_up_to_date_and_loads_where_stellwerk_is_not(step: str):
    file = ROOT / "docs" / "components" / f"{step}.yaml"
    assert without_version(file.read_text(encoding="utf-8")) == without_version(definition(step)), f"{file} {STALE}"
    loaded = kfp_components.load_component_from_file(str(file))
    face = getattr(components, step).component_spec
    assert loaded.component_spec.inputs.keys() == face.inputs.keys()
    assert loaded.component_spec.outputs.keys() == face.outputs.keys()
    assert loaded.description == face.description


def test_no_definition_is_left_of_a_component_that_is_gone():
    assert {file.stem for file in (ROOT / "docs" / "components").iterdir()} == set(NAMES)


def test_the_catalogue_is_up_to_date_and_knows_every_input_and_output():
    text = page()
    assert (ROOT / "docs" / "components.md").read_text(encoding="utf-8") == text, f"docs/components.md {STALE}"
    for step in NAMES:
        section = text.partition(f"\n## {step}\n")[2].partition("\n## ")[0]
        face = getattr(components, step).component_spec
        assert set(re.findall(r"(?m)^\| `(\w+)` \|", section)) == {*face.inputs, *face.outputs}


def test_every_link_of_the_catalogue_has_a_target():
    anchors = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs" / "spec.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    }
    links = re.findall(r"\]\(([^)]+)\)", page())
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        assert (ROOT / "docs" / file).exists(), link
        assert not anchor or anchor in anchors, link


def test_the_command_writes_definitions_for_an_image(stellwerk: Any, tmp_path: Path):
    ran = stellwerk("components", "train", "-o", tmp_path / "own", "--image", "registry.example/stellwerk:2")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [str(tmp_path / "own" / "train.yaml")]
    read = yaml.load((tmp_path / "own" / "train.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    (executor,) = read["deploymentSpec"]["executors"].values()
    assert executor["container"]["image"] == "registry.example/stellwerk:2"
    assert IMAGE not in str(read)


def test_an_unknown_component_and_a_folder_that_cannot_be_are_usage_errors(stellwerk: Any, tmp_path: Path):
    ran = stellwerk("components", "trian", "-o", tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("no component 'trian'. Did you mean 'train'?")
    (tmp_path / "file").write_text("")
    ran = stellwerk("components", "-o", tmp_path / "file")
    assert ran.returncode == 2
    assert "cannot be written" in ran.stderr


def test_a_pipeline_of_ones_own_runs_on_this_machine(tmp_path: Path):
    table = "\n".join(f"{day},{day * 10},{day % 2}" for day in range(300))
    (tmp_path / "flights.csv").write_text(f"day,distance,late\n{table}\n", encoding="utf-8")
    (tmp_path / "own.py").write_text(OWN_PIPELINE, encoding="utf-8")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "own.py"]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=550, check=False
    )
    assert ran.returncode == 0, ran.stderr
    rows, anomalies = ran.stdout.splitlines()[-1].split(", ")
    assert rows == "300 rows"
    assert int(anomalies.split()[0]) >= 3
    (page_of_validate,) = tmp_path.glob("root/own-*/validate*/validation_page")
    assert "Refused by the data gate" in page_of_validate.read_text(encoding="utf-8")


def test_every_component_fits_into_a_pipeline_of_ones_own(tmp_path: Path):
    @dsl.pipeline
    def own(directory: str = "/data", epochs: int = 5) -> None:
        target = {"column": "late", "type": "binary"}
        context = {"pipeline": "own"}
        rows = ingest(data={}, directory=directory, numbers=[], target=target).outputs
        checked = validate(settings={}, target=target, examples=rows["examples"]).outputs
        made = transform(
            features={}, target=target, hooks={}, examples=rows["examples"], validation=checked["validation"]
        ).outputs
        trained = train(
            architecture={}, training={}, target=target, hooks={}, epochs=epochs,
            transformed=made["transformed"], transform_graph=made["transform_graph"],
        ).outputs  # fmt: skip
        judged = evaluate(
            settings={}, target=target, hooks={}, examples=rows["examples"], model=trained["model"]
        ).outputs
        served = rehearse(settings={}, examples=rows["examples"], model=trained["model"], blessing=judged["blessing"])
        push(
            name="own", push_to={"to": "models"}, directory=directory, context=context, model=trained["model"],
            evaluation=judged["evaluation"], blessing=judged["blessing"], rehearsal=served.outputs["rehearsal"],
        )  # fmt: skip
        report(
            context=context, spec="", validation=checked["validation"], history=trained["history"], model=trained["model"],
            evaluation=judged["evaluation"], blessing=judged["blessing"],
        )  # fmt: skip

    compiler.Compiler().compile(own, str(tmp_path / "own.yaml"))
    read = yaml.load((tmp_path / "own.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    assert len(read["root"]["dag"]["tasks"]) == 8


def test_writing_some_definitions_leaves_the_others_alone(tmp_path: Path):
    assert [file.name for file in write_definitions(tmp_path, steps=["push", "ingest"])] == ["push.yaml", "ingest.yaml"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ingest.yaml", "push.yaml"]
