"""A run is followed to its end: its steps as they change, and of one that fails what its log says."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

from .argo import Did
from .server import Fault, Scene

POLL = ("--poll-seconds", 0.01)
WAIT = ("-p", "to=models", "--wait", *POLL)
DONE = {"ingest": "SUCCEEDED", "train": "SUCCEEDED", "push": "SUCCEEDED"}


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
    failed = Scene.of(ir, "FAILED", {"train": Did("failed", "main: OOMKilled (exit code 137)")})
    backend.story = [Scene.of(ir, "RUNNING", {"ingest": Did("running")}), failed]
    backend.logs = {failed.workflow.pod("train"): "".join(f"line {number}\n" for number in range(100))}
    ran = command("submit", ir, *WAIT, "--log-lines", 3)
    assert ran.code == 3
    run = ran.out.splitlines()[0]
    assert f"run {run}: step 'train' failed: main: OOMKilled (exit code 137). The end of its log:" in ran.err
    assert f"  line 97\n  line 98\n  line 99\n{backend.url}" in ran.err
    assert "line 96" not in ran.err
    assert f"{backend.url}/#/runs/details/{run}" in ran.err


def test_as_json_a_program_reads_steps_and_log(command, backend, ir):
    failed = Scene.of(
        ir, "FAILED", {"ingest": Did("cached"), "train": Did("failed", "main: OOMKilled (exit code 137)")}
    )
    backend.story = [failed]
    backend.logs = {failed.workflow.pod("train"): "one\ntwo\n"}
    ran = command("submit", ir, *WAIT, "--json")
    assert ran.code == 3
    told = json.loads(ran.out)
    assert (told["state"], told["log"]) == ("failed", ["one", "two"])
    assert told["why"] == "step 'train' failed: main: OOMKilled (exit code 137)."
    ingest, train, push = told["steps"]
    assert train["message"] == "main: OOMKilled (exit code 137)"
    assert train["pod"] == failed.workflow.pod("train")
    assert (ingest["cached"], ingest["pod"], train["cached"], push["state"]) == (True, None, False, "skipped")


def test_an_image_that_does_not_exist_is_told_and_the_run_left_alone(command, backend, ir):
    back_off = 'ImagePullBackOff: Back-off pulling image "registry.example/stellwerk:0.1.0"'
    backend.story = [Scene.of(ir, "RUNNING", {"train": Did("pending", back_off)})]
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
    waiting = Scene.of(ir, "RUNNING", {"train": Did("pending", pulling)})
    backend.story = [waiting, waiting, waiting, Scene("SUCCEEDED", DONE)]
    ran = command("submit", ir, *WAIT)
    assert ran.code == 0, ran.err
    assert f"train        running: {pulling}" in ran.err


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


def test_the_log_of_a_step_is_printed(command, backend, ir):
    assert command("submit", ir, "-p", "to=m").code == 0
    running = Scene.of(ir, "RUNNING", {"ingest": Did("cached"), "train": Did("running")})
    backend.story = [running]
    backend.logs = {running.workflow.pod("train"): "epoch 1\nepoch 2\n"}
    assert command("cluster", "logs", "latest", "train", "--lines", 1).out == "epoch 2\n"
    unknown = command("cluster", "logs", "latest", "trian")
    assert unknown.code == 2
    assert "has no step 'trian'. Did you mean 'train'?" in unknown.err
    none = command("cluster", "logs", "latest", "push")
    assert none.code == 2
    assert "Kubeflow has no log of step 'push', which is pending." in none.err
    cached = command("cluster", "logs", "latest", "ingest")
    assert cached.code == 2
    assert "Kubeflow has no log of step 'ingest', which came from its cache." in cached.err


def test_a_failed_run_without_a_log_says_so(command, backend, ir):
    backend.story = [Scene("FAILED", {"ingest": "FAILED"})]
    ran = command("submit", ir, *WAIT)
    assert ran.code == 3
    assert "step 'ingest' failed. Kubeflow has no log of it." in ran.err
