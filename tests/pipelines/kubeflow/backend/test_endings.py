"""Runs that did not come to their end by themselves, or not at the first try, as Kubeflow reports them."""

from __future__ import annotations

import json

import pytest

from .argo import Did
from .server import Fault, Scene

POLL = ("--poll-seconds", 0.01)
OVER = "Pod was active on the node longer than the specified deadline"
STEP_OVER = "Step exceeded its deadline"


@pytest.fixture
def nightly(command, backend, ir) -> str:
    assert command("submit", ir, "-p", "to=m", "--name", "nightly").code == 0
    (run,) = backend.runs
    return run


def test_a_run_that_somebody_terminated_is_told_as_that_though_kubeflow_says_it_failed(command, backend, ir, nightly):
    killed = {"train": Did("failed", STEP_OVER)}
    backend.story = [
        Scene.of(ir, "RUNNING", {"train": Did("running")}),
        Scene.of(ir, "CANCELING", {"train": Did("running")}, deadline=0),
        Scene.of(ir, "FAILED", killed, deadline=0),
    ]
    ran = command("cluster", "wait", nightly, *POLL)
    assert ran.code == 3
    assert f"run {nightly}: it was terminated before it came to its end.\n{backend.url}" in ran.err
    assert [each["state"] for each in backend.runs[nightly]["state_history"]][-2:] == ["CANCELING", "FAILED"]
    assert "nightly  canceled" in command("cluster", "runs").out
    assert f"{nightly}  nightly  canceled" in command("cluster", "show", "nightly").out


def test_a_run_that_ended_before_its_termination_was_reported_is_told_by_its_workflow(command, backend, ir, nightly):
    """Kubeflow sets the deadline of the workflow to 0, and its history lacks what was not reported in between."""
    backend.story = [Scene.of(ir, "FAILED", {"train": Did("failed", STEP_OVER)}, deadline=0)]
    ran = command("cluster", "wait", nightly, *POLL, "--json")
    assert ran.code == 3
    assert json.loads(ran.out)["state"] == "canceled"
    assert "it was terminated before it came to its end" in ran.err
    assert command("cluster", "terminate", nightly).code == 0


def test_terminating_twice_is_once(command, backend, ir, nightly):
    first = command("cluster", "terminate", "nightly")
    assert (first.code, first.out.strip()) == (0, nightly)
    assert "terminating nightly" in first.err
    assert command("cluster", "terminate", "nightly").code == 0
    backend.story = [Scene.of(ir, "CANCELING", {}, deadline=0), Scene.of(ir, "FAILED", {}, deadline=0)]
    assert command("cluster", "terminate", "nightly").code == 0
    last = command("cluster", "terminate", "nightly")
    assert last.code == 0
    assert "terminated nightly" in last.err
    assert backend.count("POST", f"/apis/v2beta1/runs/{nightly}:terminate") == 1


def test_who_terminates_a_run_in_the_same_moment_as_another_succeeds_too(command, backend, nightly):
    """Kubeflow has no row to change then, and says so with 400."""
    said = b'{"code": 3, "message": "Failed to terminate a run. Row not found"}'
    backend.faults = [Fault("POST", ":terminate", accepted=True, status=400, body=said)]
    assert command("cluster", "terminate", "nightly").code == 0
    assert backend.runs[nightly]["state"] == "CANCELING"


def test_a_run_that_was_not_reported_yet_is_pending(command, backend, nightly):
    backend.story = [Scene("RUNTIME_STATE_UNSPECIFIED"), Scene("RUNTIME_STATE_UNSPECIFIED"), Scene("SUCCEEDED")]
    assert command("cluster", "show", "nightly").out.splitlines()[0] == f"{nightly}  nightly  pending"
    assert command("cluster", "wait", "nightly", *POLL).code == 0
    backend.story = [Scene("RUNTIME_STATE_UNSPECIFIED")]
    assert command("cluster", "terminate", "nightly").code == 0


@pytest.mark.parametrize(
    ("did", "retried"),
    [(Did("failed", OVER), False), (Did("failed", STEP_OVER), True), (Did("driver-failed", STEP_OVER), False)],
    ids=["ended by Kubernetes", "ended by Argo, which would try again", "while it waited for a node"],
)
def test_a_run_over_its_deadline_says_so(command, backend, ir, nightly, did: Did, retried: bool):
    late = "retry exceeded workflow deadline 2026-11-21 12:01:00 +0000 UTC" if retried else ""
    over = Scene.of(ir, "FAILED", {"train": did}, deadline=60, seconds=61, message=late, retried=retried)
    backend.story = [Scene.of(ir, "RUNNING", {"train": Did("running")}, deadline=60), over]
    ran = command("cluster", "wait", nightly, *POLL)
    assert ran.code == 3
    ended = f"run {nightly}: it was ended at its deadline of 60 s (cluster.deadline_seconds) before step 'train' had come to its end."
    assert ended in ran.err
    assert "ended at its deadline of 60 s" in command("cluster", "show", nightly).out


def test_a_step_over_its_own_time_is_not_the_run_over_its_deadline(command, backend, ir, nightly):
    backend.story = [Scene.of(ir, "FAILED", {"train": Did("failed", OVER)}, deadline=3600, seconds=61)]
    ran = command("cluster", "wait", nightly, *POLL)
    assert ran.code == 3
    assert f"step 'train' failed: {OVER}. Kubeflow has no log of it." in ran.err


def test_a_run_that_failed_and_succeeded_when_it_was_tried_again_has_succeeded(command, backend, ir, nightly):
    failed = Scene.of(ir, "FAILED", {"train": Did("failed", "main: Error (exit code 1)")})
    backend.story = [failed]
    backend.logs = {failed.workflow.pod("train"): "stellwerk.errors.GateRefused: no\n"}
    assert command("cluster", "wait", nightly, *POLL).code == 1
    backend.story = []
    assert command("cluster", "retry", nightly).code == 0
    assert [each["state"] for each in backend.runs[nightly]["state_history"]] == ["PENDING", "FAILED", "RUNNING"]
    backend.story = [Scene.of(ir, "RUNNING", {"train": Did("running")}), Scene.of(ir, "SUCCEEDED")]
    ran = command("cluster", "wait", nightly, *POLL)
    assert ran.code == 0, ran.err
    assert "nightly  succeeded" in command("cluster", "runs").out


def test_a_run_that_was_terminated_once_and_failed_when_it_was_tried_again_has_failed(command, backend, ir, nightly):
    backend.story = [Scene.of(ir, "CANCELING", {}, deadline=0), Scene.of(ir, "FAILED", {}, deadline=0)]
    assert command("cluster", "wait", nightly, *POLL).code == 3
    backend.story = []
    assert command("cluster", "retry", nightly).code == 0
    backend.story = [Scene.of(ir, "FAILED", {"train": Did("failed", "main: Error (exit code 1)")})]
    ran = command("cluster", "wait", nightly, *POLL)
    assert "step 'train' failed: main: Error (exit code 1)." in ran.err
    assert "nightly  failed" in command("cluster", "runs").out


def test_a_run_that_failed_as_a_whole_is_told_with_what_its_workflow_says(command, backend, ir, nightly):
    said = "error in entry template execution: pods is forbidden: exceeded quota."
    backend.story = [Scene.of(ir, "FAILED", {}, message=said)]
    assert f"the run failed: {said}\n{backend.url}" in command("cluster", "wait", nightly, *POLL).err


@pytest.mark.parametrize("retried", [False, True])
def test_of_several_tries_the_last_one_tells(command, backend, ir, nightly, retried: bool):
    good = Scene.of(ir, "SUCCEEDED", {"train": Did("ran", tries=2)}, retried=retried)
    backend.story = [good]
    backend.logs = {good.workflow.pod("train", 0): "first\n", good.workflow.pod("train", 1): "second\n"}
    assert command("cluster", "logs", nightly, "train").out == "second\n"
    steps = json.loads(command("cluster", "show", nightly, "--json").out)["steps"]
    assert [(each["state"], each["message"]) for each in steps] == [("succeeded", None)] * 3
    bad = Scene.of(ir, "FAILED", {"train": Did("failed", "main: OOMKilled (exit code 137)", tries=3)}, retried=retried)
    backend.story = [bad]
    backend.logs = {bad.workflow.pod("train", 2): "the third\n"}
    ran = command("cluster", "wait", nightly, *POLL)
    assert "step 'train' failed: main: OOMKilled (exit code 137). The end of its log:\n  the third\n" in ran.err


@pytest.mark.parametrize("retried", [False, True])
def test_steps_are_shown_with_what_came_from_the_cache_and_what_was_never_started(
    command, backend, ir, nightly, retried: bool
):
    steps = {"ingest": Did("cached"), "train": Did("failed", "main: Error (exit code 1)")}
    backend.story = [Scene.of(ir, "FAILED", steps, retried=retried)]
    lines = command("cluster", "show", nightly).out.splitlines()
    assert lines[2] == "step 'train' failed: main: Error (exit code 1)."
    shown = [line.split(maxsplit=2) for line in lines[4:]]
    assert shown == [
        ["ingest", "succeeded", "from the cache"],
        ["train", "failed", "main: Error (exit code 1)"],
        ["push", "skipped"],
    ]


def test_pods_are_found_where_argo_names_them_by_the_node_alone(command, backend, ir, nightly):
    names = {"workflows.argoproj.io/pod-name-format": "v1"}
    running = Scene.of(ir, "RUNNING", {"train": Did("running")}, annotations=names)
    backend.story = [running]
    backend.logs = {running.workflow.pod("train"): "epoch 1\n"}
    assert running.workflow.pod("train").count("-") == 3
    assert command("cluster", "logs", nightly, "train").out == "epoch 1\n"
