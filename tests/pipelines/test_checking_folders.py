"""`check` finds folders that a run could not write."""

from __future__ import annotations

from pathlib import Path

import pytest

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
