"""`check` finds folders that a run could not write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.components.deployment.targets import target
from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.checking import check

SPEC = """\
name: leaving
data: {sources: {c: data.csv}}
features: {age: {type: number}}
target: {column: left, type: binary}
push: {to: models}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("age,left\n" + "".join(f"{row},{row % 2}\n" for row in range(400)))
    (tmp_path / "p.yaml").write_text(SPEC)
    return tmp_path


def _problems(project: Path) -> list[str]:
    return [str(problem) for problem in check(load(project / "p.yaml"))]


def test_folders_that_are_not_there_yet_are_fine(project: Path):
    assert _problems(project) == []


@pytest.mark.parametrize(("name", "line"), [("runs", 1), ("models", 5)])
def test_a_file_in_the_way_is_told_at_the_line_that_names_the_folder(project: Path, name: str, line: int):
    (project / name).write_text("")
    (problem,) = _problems(project)
    assert f"p.yaml:{line}: " in problem
    assert f"{project / name} is a file." in problem


@pytest.mark.parametrize(
    ("to", "leads"), [("models", "is a link that leads to itself"), ("away", "is a link that leads nowhere")]
)
def test_a_link_that_leads_nowhere_is_told(project: Path, to: str, leads: str):
    (project / "models").symlink_to(to)
    (problem,) = _problems(project)
    assert f"push.to: 'models': {project / 'models'} {leads}." in problem


def _file(path: Path) -> None:
    path.write_text("")


IN_THE_WAY = {
    "a file": (_file, "", "models/leaving is a file"),
    "a link to itself": (lambda path: path.symlink_to("leaving"), "", "models/leaving is a link that leads to itself"),
    "a link to nothing": (lambda path: path.symlink_to("gone"), "", "models/leaving is a link that leads nowhere"),
    "no folder for the next version": (
        _file,
        "1",
        "models/leaving/1 is in the way of the next version: it is no folder",
    ),
    "a folder for the lock": (
        Path.mkdir,
        ".push.lock",
        "models/leaving/.push.lock is in the way of the lock of pushes",
    ),
}


@pytest.mark.parametrize(("make", "below", "why"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_run_would_refuse_where_the_versions_lie_is_found_with_its_line(
    project: Path, make: Callable[[Path], None], below: str, why: str
):
    folder = project / "models" / "leaving"
    (folder if below else folder.parent).mkdir(parents=True)
    make(folder / below)
    (problem,) = _problems(project)
    assert problem.startswith(f"{project}/p.yaml:5: push.to: 'models': {project}/{why}")
    (project / "model").mkdir()
    (project / "model" / "saved_model.pb").write_text("")
    with pytest.raises((StepFailed, RuntimeError, OSError)):
        target("models", project, "leaving").push(project / "model", folder_digest(project / "model"), {})


def test_a_folder_of_versions_that_may_not_be_written_is_found(project: Path):
    (project / "models" / "leaving").mkdir(parents=True, mode=0o555)
    powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*powerless, sys.executable, "-m", "stellwerk", "check", str(project / "p.yaml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 2
    assert f"p.yaml:5: push.to: 'models': {project}/models/leaving may not be written by this user." in ran.stderr


def test_versions_that_are_there_are_not_in_the_way(project: Path):
    (project / "models" / "leaving" / "1").mkdir(parents=True)
    (project / "models" / "leaving" / ".push.lock").write_text("")
    assert _problems(project) == []
