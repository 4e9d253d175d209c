"""Equal runs give equal bytes, so the same training is pushed once, however often and by how many at once it is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stellwerk.components.artifacts.verifying import differences, read_digests
from stellwerk.pipelines.runs import all_runs

MADE_ALIKE = [
    ("ingest", "examples"),
    ("validate", "statistics"),
    ("validate", "schema"),
    ("transform", "transform_graph"),
    ("transform", "transformed"),
    ("train", "model"),
]


def versions(spec: Path) -> list[str]:
    return sorted(path.name for path in (spec.parent / "models" / "small-flights").glob("[0-9]*"))


def test_a_run_that_takes_nothing_from_the_cache_makes_the_same_bytes_and_pushes_nothing_new(project: Path, stellwerk):
    ran = stellwerk("run", project, "--no-cache")
    assert ran.returncode == 0, ran.stderr
    after, before = all_runs(project.parent / "runs" / "small-flights")
    assert {step.status for step in after.steps} == {"done"}
    for step, artifact in MADE_ALIKE:
        found = [read_digests(record.artifact(step, artifact)) for record in (before, after)]
        assert differences(*found) == [], (step, artifact)
        assert before.output(step, artifact) == after.output(step, artifact)
    assert versions(project) == ["1"]


def test_a_moved_project_makes_the_same_model(project: Path, stellwerk, tmp_path: Path):
    moved = project.parent.rename(tmp_path / "another folder") / project.name
    assert stellwerk("run", moved, "--no-cache").returncode == 0
    assert versions(moved) == ["1"]


def test_two_runs_of_one_training_at_once_push_one_version(make_project, tmp_path: Path, warm):
    spec = make_project(tmp_path / "both")
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    both = [warm.popen(["run", spec, "--no-cache"], **pipes) for _ in range(2)]
    for one in both:
        _, errors = one.communicate(timeout=500)
        assert one.returncode == 0, errors
    assert versions(spec) == ["1"]
