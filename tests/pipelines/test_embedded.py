"""The embedded runner: raw data to a pushed model, the cache, killed runs, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.warm.asking import Warm

STEPS = ["ingest", "validate", "transform", "train", "evaluate", "push"]


def newest(spec: Path) -> dict[str, Any]:
    runs = sorted((spec.parent / "runs" / "small-flights").glob("[0-9]*"))
    return json.loads((runs[-1] / "run.json").read_text())


def statuses(spec: Path) -> dict[str, str]:
    return {step["name"]: step["status"] for step in newest(spec)["steps"]}


def replace(spec: Path, old: str, new: str) -> None:
    text = spec.read_text()
    assert old in text
    spec.write_text(text.replace(old, new))


def test_a_run_goes_from_raw_data_to_a_pushed_model(finished: Path):
    record = newest(finished)
    assert record["status"] == "done"
    assert record["exit_code"] == 0
    assert [step["name"] for step in record["steps"]] == STEPS
    assert all(step["status"] == "done" and step["peak_memory"] > 0 for step in record["steps"])
    pushed = finished.parent / "models" / "small-flights" / "1"
    assert (pushed / "saved_model.pb").exists()
    assert json.loads((pushed / "provenance.json").read_text())["context"]["run"] == record["run"]


def test_every_run_has_a_report_and_a_log_for_each_step(finished: Path):
    (run,) = (finished.parent / "runs" / "small-flights").glob("[0-9]*")
    assert "small-flights" in (run / "report.html").read_text()
    assert {path.parent.name for path in run.glob("*/log.txt")} == set(STEPS)


def test_only_its_owner_can_look_into_a_run(finished: Path):
    (run,) = (finished.parent / "runs" / "small-flights").glob("[0-9]*")
    assert run.stat().st_mode & 0o777 == 0o700


def test_an_unchanged_run_takes_everything_from_the_cache_and_pushes_nothing_new(project: Path, stellwerk):
    ran = stellwerk("run", project)
    assert ran.returncode == 0, ran.stderr
    assert statuses(project) == {**dict.fromkeys(STEPS, "cached"), "push": "done"}
    assert [path.name for path in (project.parent / "models" / "small-flights").glob("[0-9]*")] == ["1"]
    assert newest(project)["steps"][0]["rows"] > 0


def test_a_moved_project_stays_cached(project: Path, stellwerk, tmp_path):
    project.parent.rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "pipeline.yaml"
    assert stellwerk("run", moved).returncode == 0
    assert statuses(moved)["train"] == "cached"


def test_a_change_runs_only_what_depends_on_it(project: Path, stellwerk):
    replace(project, "slices: [[origin]]", "slices: [[carrier]]")
    ran = stellwerk("run", project)
    assert ran.returncode == 0, ran.stderr
    assert statuses(project) == {**dict.fromkeys(STEPS, "cached"), "evaluate": "done", "push": "done"}


def test_a_cached_result_that_was_changed_by_hand_does_not_count(project: Path, stellwerk):
    (blessing,) = project.parent.glob("runs/small-flights/[0-9]*/evaluate/blessing/blessing.json")
    blessing.write_text(blessing.read_text().replace("true", "false"))
    assert stellwerk("run", project).returncode == 0
    assert statuses(project)["evaluate"] == "done"


def test_from_runs_a_step_and_all_after_it_again(project: Path, stellwerk):
    ran = stellwerk("run", project, "--from", "evaluate")
    assert ran.returncode == 0, ran.stderr
    assert statuses(project) == {**dict.fromkeys(STEPS, "cached"), "evaluate": "done", "push": "done"}


def test_until_stops_after_a_step(project: Path, stellwerk):
    ran = stellwerk("run", project, "--until", "validate")
    assert ran.returncode == 0, ran.stderr
    assert list(statuses(project)) == ["ingest", "validate"]


def test_an_unknown_step_is_refused_with_a_suggestion(project: Path, stellwerk):
    ran = stellwerk("run", project, "--from", "trian")
    assert ran.returncode == 2
    assert ran.stderr.strip() == f"no step 'trian'. Did you mean 'train'? Steps: {', '.join(STEPS)}."


def test_a_model_below_its_floor_is_refused_and_not_pushed(project: Path, stellwerk):
    replace(project, "min: 0.5", "min: 0.99")
    ran = stellwerk("run", project)
    assert ran.returncode == 1
    assert "0.99" in ran.stderr
    assert statuses(project)["push"] == "refused"
    assert newest(project)["status"] == "refused"
    events = project.parent / "runs" / "small-flights" / newest(project)["run"] / "openlineage.jsonl"
    last = json.loads(events.read_text().splitlines()[-1])
    assert (last["eventType"], last["job"]["name"], last["outputs"]) == ("FAIL", "small-flights", [])
    assert "0.99" in last["run"]["facets"]["errorMessage"]["message"]
    assert [path.name for path in (project.parent / "models" / "small-flights").glob("[0-9]*")] == ["1"]


def test_without_push_a_refused_model_still_ends_with_exit_code_1(project: Path, stellwerk):
    replace(project, "min: 0.5", "min: 0.99")
    replace(project, "push: {to: models}", "")
    ran = stellwerk("run", project)
    assert ran.returncode == 1
    assert "not blessed" in ran.stderr


def test_a_model_that_does_not_pass_its_rehearsal_is_not_pushed(project: Path, stellwerk, tmp_path: Path):
    server = tmp_path / "bin" / "tensorflow_model_server"
    server.parent.mkdir()
    server.write_text("#!/bin/sh\necho Op type not registered\nexit 3\n")
    server.chmod(0o755)
    path = {"PATH": f"{server.parent}{os.pathsep}{os.environ['PATH']}"}
    replace(project, "push: {to: models}", "push: {to: elsewhere, rehearse: {server: tensorflow_model_server}}")
    ran = stellwerk("run", project, environment=path)
    assert ran.returncode == 1
    refusal = "The server ended with exit status 3 and said last: Op type not registered."
    assert f"did not pass its rehearsal, so it is not pushed. {refusal}" in ran.stderr
    assert (statuses(project)["rehearse"], statuses(project)["push"]) == ("done", "refused")
    assert not (project.parent / "elsewhere").exists()
    again = stellwerk("run", project, "--until", "rehearse", environment=path)
    assert again.returncode == 1
    assert f"the model did not pass its rehearsal: {refusal}" in again.stderr
    assert statuses(project)["rehearse"] == "cached"


def test_a_better_model_is_compared_with_the_pushed_one_and_becomes_version_2(project: Path, stellwerk):
    replace(project, "epochs: 2", "epochs: 3")
    replace(project, "min: 0.5", "min_gain: -0.2")
    ran = stellwerk("run", project)
    assert ran.returncode == 0, ran.stderr
    assert (project.parent / "models" / "small-flights" / "2" / "saved_model.pb").exists()
    blessing = project.parent / "runs" / "small-flights" / newest(project)["run"] / "evaluate/blessing/blessing.json"
    asked = json.loads(blessing.read_text())["requirements"]
    assert [requirement["bound"] for requirement in asked] == ["min_gain", "over"]
    assert stellwerk("run", project).returncode == 0
    assert statuses(project)["evaluate"] == "cached"


def test_json_gives_the_record_on_stdout_and_nothing_else(project: Path, stellwerk):
    ran = stellwerk("run", project, "--json")
    assert json.loads(ran.stdout)["status"] == "done"


def test_runs_lists_the_newest_first(project: Path, stellwerk):
    stellwerk("run", project, "--until", "ingest")
    lines = stellwerk("runs", project).stdout.splitlines()
    assert len(lines) == 2
    assert "1/1 cached" in lines[0]


@contextmanager
def running(spec: Path, *arguments: str, warm: Warm | None = None) -> Iterator[Any]:
    """A run in a process of its own; a warm one has its frameworks loaded."""
    pipes: dict[str, Any] = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    if warm is not None:
        process = warm.popen(["run", spec, *arguments], **pipes)
    else:
        process = subprocess.Popen([sys.executable, "-m", "stellwerk", "run", spec, *arguments], text=True, **pipes)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def worker_of(process: Any, step: str, spec: Path) -> psutil.Process:
    """Waits until the step's own process has its log open."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):  # one that ended while it was looked at
            for child in psutil.Process(process.pid).children(recursive=True):
                if any(file.path.endswith(f"/{step}/log.txt") for file in child.open_files()):
                    return child
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    raise AssertionError(f"step {step} did not start")


@pytest.mark.parametrize("step", STEPS)
def test_a_step_killed_with_sigkill_is_told_and_the_next_run_continues(project: Path, stellwerk, warm, step: str):
    with running(project, "--from", step, warm=warm) as process:
        worker_of(process, step, project).send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 3
    assert f"step {step} was killed by signal 9" in errors
    assert not list(project.parent.rglob("*.part"))
    ran = stellwerk("run", project)
    assert ran.returncode == 0, ran.stderr
    assert newest(project)["status"] == "done"


def test_a_killed_runner_takes_its_steps_along_and_its_run_is_marked(project: Path, stellwerk):
    with running(project, "--from", "train") as process:
        child = worker_of(process, "train", project)
        process.kill()
        child.wait(timeout=60)
    killed = newest(project)
    assert killed["status"] == "running"
    assert stellwerk("run", project).returncode == 0
    record = project.parent / "runs" / "small-flights" / killed["run"] / "run.json"
    assert json.loads(record.read_text())["status"] == "killed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cleans_up_and_keeps_what_was_finished(project: Path, warm, number):
    with running(project, "--from", "transform", warm=warm) as process:
        child = worker_of(process, "transform", project)
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    child.wait(timeout=60)
    assert newest(project)["status"] == "killed"
    assert not list(project.parent.rglob("*.part"))


def test_a_step_that_fails_shows_one_sentence_and_debug_its_traceback(project: Path, stellwerk):
    replace(project, "model: {type: dense, hidden: [16]}", "model: {build: model.py:build}")
    (project.parent / "model.py").write_text("def build(inputs):\n    raise ValueError('no network today')\n")
    ran = stellwerk("run", project)
    assert ran.returncode == 3
    assert "no network today" in ran.stderr
    assert "Traceback" not in ran.stderr
    log = project.parent / "runs" / "small-flights" / newest(project)["run"] / "train" / "log.txt"
    assert "Traceback" in log.read_text()
    assert statuses(project)["evaluate"] == "skipped"
