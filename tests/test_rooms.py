"""Imports run downward only, and frameworks stay where they belong: the contracts in pyproject.toml hold, and bite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stellwerk.components.lineage.code import PACKAGES
from stellwerk.pipelines.cache import SHARED_CODE
from stellwerk.steps import STEPS

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "from importlinter.cli import lint_imports_command; lint_imports_command()"

UPSTREAM = """
import sys, grimp
graph = grimp.build_graph("stellwerk", cache_dir=None, exclude_type_checking_imports=True)
print(*(f"{work} {used}" for work in sys.argv[1:] for used in graph.find_upstream_modules(work)), sep="\\n")
"""
DECIDES_NOTHING = (
    *("stellwerk.ahead", "stellwerk.environment", "stellwerk.errors", "stellwerk.families", "stellwerk.machine"),
    *("stellwerk.progress", "stellwerk.showing", "stellwerk.steps", "stellwerk.unimported"),
    *("stellwerk.components.certificates", "stellwerk.components.lineage.code", "stellwerk.components.step_events"),
)
"""Says what happens, and where things are; what a step makes is the same whatever is in them."""


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a wheel holds it: import-linter cannot see through the mapping of folders to packages."""
    place = tmp_path_factory.mktemp("tree")
    build = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", place]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return place


def _contracts(tree: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, "--config", ROOT / "pyproject.toml", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_contracts_hold(tree: Path, tmp_path: Path) -> None:
    done = _contracts(tree, tmp_path)
    assert done.returncode == 0, done.stdout
    assert " 0 broken." in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("spec/data.py", "import stellwerk.loading", "Imports run downward only"),
        ("components/training/component.py", "import tensorflow", "Faces and pipelines load no framework"),
        ("pipelines/graph.py", "import stellwerk.components.training.work", "Pipelines never import a step's work"),
        ("components/training/work.py", "import kfp", "The work never knows KFP"),
        ("components/training/work.py", "import stellwerk.components.evaluation.work", "Steps never import each other"),
        ("loading/document.py", "import keras", "The foundation knows no framework"),
        ("tasks/heads.py", "import stellwerk.components.training", "Imports run downward only"),
        ("tasks/classes.py", "import tensorflow", "What is asked of a task before a step runs loads no framework"),
    ],
)
def test_an_import_against_the_contracts_is_refused(
    tree: Path, tmp_path: Path, module: str, line: str, contract: str
) -> None:
    wrong = tmp_path / "tree"
    shutil.copytree(tree, wrong)
    changed = wrong / "stellwerk" / module
    changed.write_text(changed.read_text() + f"\n{line}\n")
    done = _contracts(wrong, tmp_path)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


def test_all_code_that_decides_what_a_step_makes_counts_in_the_cache(tree: Path, tmp_path: Path) -> None:
    works = [step.work for step in STEPS.values() if step.cached and step.when == "always"]
    command = [sys.executable, "-c", UPSTREAM, *works]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    used = [line.split() for line in done.stdout.splitlines()]
    assert len(used) > 50 * len(works)
    for work, module in used:
        counted = (work.rpartition(".")[0], *SHARED_CODE, *DECIDES_NOTHING)
        assert module == "stellwerk" or _below(module, counted), f"{module}, of which {work} is made"
    assert all(_below(package, PACKAGES) for package in SHARED_CODE), "what decides a model is in its provenance"


def _below(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in packages)
