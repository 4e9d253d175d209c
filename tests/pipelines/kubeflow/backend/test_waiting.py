"""A run is followed to its end: its steps as they change, and of one that fails what its log says."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from .server import Fault, Scene

POLL = ("--poll-seconds", 0.01)
WAIT = ("-p", "to=models", "--wait", *POLL)
DONE = {"ingest": "SUCCEEDED", "train": "SUCCEEDED", "push": "SUCCEEDED"}
TRAIN_POD = "flight-delays-abcde-system-container-impl-30"


def nodes(phase: str, message: str = "") -> list[dict[str, Any]]:
    """The Argo nodes of a run whose step `train` is in a phase: a DAG, its driver, and the pod below."""
    ingest = {"id": "flight-delays-abcde-20", "displayName": "ingest", "type": "DAG", "phase": "Succeeded"}
    train = {"id": "flight-delays-abcde-21", "displayName": "train", "type": "DAG", "phase": phase}
    driver = {"id": "flight-delays-abcde-22", "displayName": "train-driver", "type": "Pod", "phase": "Succeeded"}
    first = {"id": "flight-delays-abcde-29", "displayName": "executor", "type": "Pod", "phase": "Succeeded"}
    pod = {"id": "flight-delays-abcde-30", "displayName": "executor", "type": "Pod", "phase": phase, "message": message}
    named = [
        {**ingest, "children": [first["id"]], "templateName": "system-container-executor"},
        {**train, "children": [pod["id"]], "templateName": "system-container-executor"},
        *({**each, "templateName": "system-container-impl"} for each in (driver, first, pod)),
    ]
    return [{**node, "name": f"flight-delays-abcde.root.{node['id']}"} for node in named]


def test_steps_are_told_as_they_change_and_a_good_run_ends_with_0(command, backend, ir):
    backend.story = [
        Scene("PENDING"),
        Scene("RUNNING", {"root": "RUNNING", "ingest-driver": "RUNNING"}),
        Scene("RUNNING", {"ingest": "RUNNING", "executor": "RUNNING"}),
        Scene("RUNNING", {"ingest": "SUCCEEDED", "train": "RUNNING"}),
        Scene("SUCCEEDED", DONE),
    ]
    ran = command("submit", ir, *WAIT)
    assert ran.code == 0, ran.err
    told = [line.split()[:2] for line in ran.err.splitlines()]
    assert told == [
        ["ingest", "running"],
        ["ingest", "succeeded"],
        ["train", "running"],
        ["train", "succeeded"],
        ["push", "succeeded"],
    ]


def test_of_a_failed_step_the_end_of_its_log_is_shown_and_the_command_ends_with_3(command, backend, ir):
    message = "Error (exit code 1)"
    tasks = {"ingest": "SUCCEEDED", "train": "FAILED", "executor": "FAILED"}
    backend.story = [Scene("RUNNING", {"ingest": "RUNNING"}), Scene("FAILED", tasks, nodes("Failed", message))]
    backend.logs = {TRAIN_POD: "\n".join(f"line {number}" for number in range(100)) + "\nMemoryError: no room\n"}
    ran = command("submit", ir, *WAIT, "--log-lines", 3)
    assert ran.code == 3
    run = ran.out.splitlines()[0]
    assert f"run {run}: step 'train' failed: {message}. The end of its log:" in ran.err
    assert "  line 98\n  line 99\n  MemoryError: no room\n" in ran.err
    assert "line 97" not in ran.err
    assert f"{backend.url}/#/runs/details/{run}" in ran.err


def test_a_gate_that_refused_is_told_from_a_step_that_failed_and_ends_with_1(command, backend, ir):
    tasks = {"ingest": "SUCCEEDED", "train": "FAILED"}
    backend.story = [Scene("FAILED", tasks, nodes("Failed", "Error (exit code 1)"))]
    said = "1 of 40 requirements is not met:\n" + "\n".join(f"auc of carrier {number} is 0.6" for number in range(40))
    after = "F1121 22:00:00.000000 launcher.go:100] failed to execute component: exit status 1"
    log = f"Traceback (most recent call last):\nstellwerk.errors.GateRefused: {said}\n{after}\n"
    backend.logs = {TRAIN_POD: log}
    ran = command("submit", ir, *WAIT, "--log-lines", 2)
    assert ran.code == 1
    assert f"step 'train' refused: {said}\n{backend.url}" in ran.err


def test_a_model_that_was_not_pushed_in_a_run_that_succeeded_ends_with_1(command, backend, ir):
    """Where a condition stands around push, as the current SDK compiles it, a refused model is skipped."""
    spec = yaml.safe_load(ir.read_text())
    dag = spec["root"]["dag"]
    spec["components"]["comp-condition-1"] = {"dag": {"tasks": {"push": dag["tasks"].pop("push")}}}
    spec["components"]["comp-condition-1"]["dag"]["tasks"]["push"]["dependentTasks"] = []
    dag["tasks"]["condition-1"] = {"componentRef": {"name": "comp-condition-1"}, "dependentTasks": ["train"]}
    assert command("submit", ir, "-p", "to=m", "--name", "refused").code == 0
    (run,) = backend.runs.values()
    run["pipeline_spec"] = spec
    tasks = {"ingest": "SUCCEEDED", "train": "SUCCEEDED", "condition-1-driver": "SUCCEEDED", "condition-1": "SKIPPED"}
    backend.story = [Scene("SUCCEEDED", tasks)]
    ran = command("cluster", "wait", "refused", *POLL)
    assert ran.code == 1
    assert "push         skipped" in ran.err
    assert "the model is not blessed, or did not pass its rehearsal, and was not pushed" in ran.err


def test_as_json_a_program_reads_steps_and_log(command, backend, ir):
    tasks = {"ingest": "SUCCEEDED", "train": "FAILED"}
    backend.story = [Scene("FAILED", tasks, nodes("Failed", "OOMKilled (exit code 137)"))]
    backend.logs = {TRAIN_POD: "one\ntwo\n"}
    ran = command("submit", ir, *WAIT, "--json")
    assert ran.code == 3
    told = json.loads(ran.out)
    assert (told["state"], told["log"]) == ("failed", ["one", "two"])
    train = next(step for step in told["steps"] if step["name"] == "train")
    assert train["message"] == "OOMKilled (exit code 137)"
    assert train["pod"] == TRAIN_POD


def test_an_image_that_does_not_exist_is_told_and_the_run_left_alone(command, backend, ir):
    back_off = 'ImagePullBackOff: Back-off pulling image "registry.example/stellwerk:0.1.0"'
    tasks = {"ingest": "SUCCEEDED", "train": "RUNNING", "executor": "PENDING"}
    backend.story = [Scene("RUNNING", tasks, nodes("Pending", back_off))]
    ran = command("submit", ir, *WAIT, "--patience", 0.2)
    assert ran.code == 3
    run = ran.out.splitlines()[0]
    assert f"step 'train' cannot start: {back_off}." in ran.err
    assert f"`stellwerk cluster terminate {run}` ends it." in ran.err
    assert backend.runs[run]["state"] == "RUNNING"
    told = command("cluster", "wait", run, *POLL, "--patience", 0, "--json")
    assert told.code == 3
    assert json.loads(told.out)["run"] == run
    assert back_off in json.loads(told.out)["error"]


def test_a_pod_that_waits_a_moment_for_its_image_is_borne(command, backend, ir):
    pulling = "ErrImagePull: registry.example did not answer"
    tasks = {"ingest": "SUCCEEDED", "train": "RUNNING", "executor": "PENDING"}
    waiting = Scene("RUNNING", tasks, nodes("Pending", pulling))
    backend.story = [waiting, waiting, waiting, Scene("SUCCEEDED", DONE)]
    ran = command("submit", ir, *WAIT)
    assert ran.code == 0, ran.err
    assert f"train        running: {pulling}" in ran.err


def test_a_run_that_somebody_terminates_ends_with_3(command, backend, ir):
    backend.story = [Scene("CANCELING", {"ingest": "RUNNING"}), Scene("CANCELED", {"ingest": "FAILED"})]
    ran = command("submit", ir, *WAIT)
    assert ran.code == 3
    assert "was terminated before it came to its end" in ran.err


def test_waiting_outlives_a_kubeflow_that_is_away_for_a_moment(command, backend, ir):
    backend.story = [Scene("RUNNING", {"ingest": "RUNNING"}), Scene("SUCCEEDED", DONE)]
    backend.faults = [Fault("GET", "/runs/", status=503), Fault("GET", "/runs/"), Fault("GET", "/runs/", status=502)]
    assert command("submit", ir, *WAIT).code == 0


def test_a_run_is_followed_again_by_its_name(command, backend, ir):
    assert command("submit", ir, "-p", "to=m", "--name", "nightly").code == 0
    backend.story = [Scene("RUNNING"), Scene("SUCCEEDED", DONE)]
    ran = command("cluster", "wait", "nightly", *POLL)
    assert ran.code == 0, ran.err
    assert "push         succeeded" in ran.err


def test_an_interrupt_leaves_the_run_alone_and_says_how_to_go_on(command, backend, ir, monkeypatch):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    backend.story = [Scene("RUNNING")]
    alone = SimpleNamespace(sleep=interrupt, monotonic=time.monotonic)  # other threads sleep on
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.waiting.time", alone)
    ran = command("submit", ir, *WAIT)
    assert ran.code == 130
    assert f"the run goes on; `stellwerk cluster wait {ran.out.splitlines()[0]}` follows it again" in ran.err


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_driver_that_fails_is_its_step_s_failure(command, backend, ir, phase: str):
    driver = {
        "id": "flight-delays-abcde-22",
        "name": "flight-delays-abcde.root.train-driver",
        "displayName": "train-driver",
        "type": "Pod",
        "templateName": "system-container-driver",
        "phase": phase,
        "message": "Error (exit code 1)",
    }
    backend.story = [Scene("FAILED", {"ingest": "SUCCEEDED", "train-driver": "FAILED"}, [driver])]
    backend.logs = {"flight-delays-abcde-system-container-driver-22": "KFP driver: cannot resolve the artifact\n"}
    ran = command("submit", ir, *WAIT)
    assert ran.code == 3
    assert "step 'train' failed: Error (exit code 1)" in ran.err
    assert "KFP driver: cannot resolve the artifact" in ran.err


def test_the_log_of_a_step_is_printed(command, backend, ir):
    assert command("submit", ir, "-p", "to=m").code == 0
    backend.story = [Scene("RUNNING", {"ingest": "SUCCEEDED", "train": "RUNNING"}, nodes("Running"))]
    backend.logs = {TRAIN_POD: "epoch 1\nepoch 2\n"}
    assert command("cluster", "logs", "latest", "train", "--lines", 1).out == "epoch 2\n"
    unknown = command("cluster", "logs", "latest", "trian")
    assert unknown.code == 2
    assert "has no step 'trian'. Did you mean 'train'?" in unknown.err
    none = command("cluster", "logs", "latest", "push")
    assert none.code == 2
    assert "Kubeflow has no log of step 'push', which is pending." in none.err


def test_a_failed_run_without_a_log_says_so(command, backend, ir):
    backend.story = [Scene("FAILED", {"ingest": "FAILED"})]
    ran = command("submit", ir, *WAIT)
    assert ran.code == 3
    assert "step 'ingest' failed. Kubeflow has no log of it." in ran.err
