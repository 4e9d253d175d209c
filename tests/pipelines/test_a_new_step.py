"""A new step is a declaration and a package: engines, compiler, spec, commands and pages learn of it there and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]

DECLARATION = """\
    Step(
        "count",
        "Counts the rows of each split.",
        "stellwerk.components.counting",
        parameters={"name": "name"},
        inputs={"examples": ("examples",)},
        outputs=(Output("counted", title="Counted"),),
        tensorflow=False,
    ),
"""
WORK = '''\
"""The step count."""

from pathlib import Path

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import write_json
from stellwerk.errors import GateRefused


def count(*, name: str, examples: Path | str, counted: Path) -> None:
    """Writes how many rows there are."""
    rows = Examples.open(examples)
    write_json(counted / "counted.json", {"name": name, "rows": {split: rows.rows(split) for split in ("train", "eval")}})
'''
FACE = '''\
"""KFP face of the step count."""

from stellwerk.components.face import Artifact, Dataset, Input, Output, component


@component
def count(name: str, counted: Output[Artifact], examples: Input[Dataset] = None, examples_uri: str = "") -> None:
    """Counts the rows of each split.

    Args:
        name: Name of the pipeline.
        counted: The numbers.
        examples: Rows of each split.
        examples_uri: Or their URI, to read in place.

    """
    from stellwerk.components.calling import call

    call("count", locals())
'''


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product with one step more: a declaration, a work, a face."""
    tree = tmp_path_factory.mktemp("grown")
    build = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", tree]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    declared = tree / "stellwerk" / "steps" / "__init__.py"
    before, found, after = declared.read_text(encoding="utf-8").partition('    Step(\n        "validate",\n')
    assert found
    declared.write_text(before + DECLARATION + found + after, encoding="utf-8")
    package = tree / "stellwerk" / "components" / "counting"
    package.mkdir()
    for name, text in (("__init__", ""), ("work", WORK), ("component", FACE)):
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    return tree


@pytest.fixture
def command(grown: Path) -> Command:
    """Runs the command line of the product that has grown."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(grown)}
        line = [sys.executable, "-m", "stellwerk", *map(str, arguments)]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


def test_it_runs_and_is_taken_from_the_cache_and_is_in_the_lineage(command: Command, make_project, tmp_path: Path):
    spec = make_project(tmp_path)
    assert command("run", spec, "--until", "count").returncode == 0
    ran = command("run", spec, "--until", "count", "--json")
    record = json.loads(ran.stdout)
    assert {step["name"]: step["status"] for step in record["steps"]} == {"ingest": "cached", "count": "cached"}
    folder = next(tmp_path.glob(f"runs/*/{record['run']}"))
    counted = json.loads((folder / "count" / "counted" / "counted.json").read_text(encoding="utf-8"))
    assert counted["name"] == "small-flights"
    assert counted["rows"]["train"] > counted["rows"]["eval"] > 0
    assert "small-flights.count.counted" in (folder / "openlineage.jsonl").read_text(encoding="utf-8")
    assert "Counted" in (folder / "report.html").read_text(encoding="utf-8"), "it is in the picture of the lineage"


def test_it_is_compiled_and_the_cluster_may_be_told_of_its_pod(command: Command, make_project, tmp_path: Path):
    spec = make_project(tmp_path)
    cluster = "cluster={image: a, resources: {count: {cpu: 3}}, steps: {count: {timeout_seconds: 60}}}"
    ran = command("compile", spec, "--set", cluster, "-o", tmp_path / "ir.yaml")
    assert ran.returncode == 0, ran.stderr
    ir, platform = yaml.load_all((tmp_path / "ir.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    given = ir["root"]["dag"]["tasks"]["count"]["inputs"]["artifacts"]["examples"]["taskOutputArtifact"]
    assert given == {"producerTask": "ingest", "outputArtifactKey": "examples"}
    assert ir["deploymentSpec"]["executors"]["exec-count"]["container"]["resources"]["resourceCpuLimit"] == "3"
    assert "exec-count" in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_commands_and_documentation_know_it(command: Command, grown: Path, make_project, tmp_path: Path):
    spec = make_project(tmp_path)
    ran = command("run", spec, "--until", "cuont")
    assert ran.stderr.startswith("no step 'cuont'. Did you mean 'count'? Steps: ingest, count, validate, ")
    assert command("components", "count", "-o", tmp_path / "own").returncode == 0
    assert "Counts the rows of each split." in (tmp_path / "own" / "count.yaml").read_text(encoding="utf-8")
    assert '"count"' in command("schema", spec, "--json").stdout
