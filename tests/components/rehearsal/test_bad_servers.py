"""Servers that end, hang, lag, refuse or answer wrongly, and steps that are killed: nothing hangs and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stellwerk.components.rehearsal import apis
from stellwerk.components.rehearsal import candidate as candidates
from stellwerk.components.rehearsal.candidate import Candidate, NotReady

TF_SERVING = {"server": "tensorflow_model_server", "api": "rest"}


def test_a_server_of_tensorflow_serving_is_asked_in_the_same_way(rehearsed, tf_serving):
    tf_serving()
    seen = rehearsed({**TF_SERVING, "requests": 60, "clients": [1, 3]})
    assert seen.said["passed"]
    assert seen.said["server"] == "tensorflow_model_server"
    assert seen.said["measurements"]["compared"]["examples"] == 60


def test_a_server_that_dies_in_the_middle_is_refused_with_how_it_ended(rehearsed, tf_serving):
    tf_serving("dies 25")
    seen = rehearsed({**TF_SERVING, "max_p99_ms": 50, "min_throughput": 1, "requests": 20, "clients": [2, 4]})
    assert seen.refused == ["failed_requests", "p99_ms"]
    assert seen.row("failed_requests")["sentence"] == (
        "The server was killed by signal 9 and said last: Building single TensorFlow model file config, "
        "after it had answered 24 requests."
    )


def test_a_server_that_ends_before_it_is_ready_is_refused_with_its_last_words(rehearsed, tf_serving):
    tf_serving("ends")
    seen = rehearsed({**TF_SERVING, "max_memory": "1G"})
    assert seen.refused == ["loads", "memory"]
    assert seen.row("loads")["sentence"] == (
        "The server ended with exit status 1 and said last: Failed to start server. "
        "Error: Unknown: 1 servable(s) did not become available."
    )


def test_a_server_that_is_never_ready_is_given_up_and_stopped(tf_serving, models, tmp_path):
    tf_serving("mute")
    with Candidate("tensorflow_model_server", models["good"], tmp_path) as candidate:
        with pytest.raises(NotReady, match=r"The server was not ready after 1 s and said last: Building"):
            candidate.wait_until_ready(1.0)
        process = candidate._process
    assert process.returncode is not None
    assert not (tmp_path / "candidate").exists()


def test_a_server_that_hangs_is_refused_and_not_waited_for_again_and_again(rehearsed, tf_serving, monkeypatch):
    monkeypatch.setattr(apis, "ANSWER_SECONDS", 0.3)
    tf_serving("hangs 1")
    seen = rehearsed({**TF_SERVING, "clients": [1, 2, 4], "seconds": 0.2})
    assert seen.refused == ["failed_requests", "differing_answers"]
    assert seen.row("failed_requests")["sentence"] == (
        "1 of 1 requests were not answered; the first: no answer within 0 s."
    )
    assert seen.row("differing_answers")["sentence"] == "There was no answer to compare with the model's own."
    assert seen.said["scaling"] == []


def test_one_wrong_answer_is_counted_and_shown(rehearsed, tf_serving):
    tf_serving("wrong 3")
    seen = rehearsed({**TF_SERVING, "batch_size": 2, "requests": 10})
    assert seen.refused == ["differing_answers"]
    row = seen.row("differing_answers")
    assert row["value"] == 1
    assert "for 1 of 20 examples; the first, example 5 of the eval split: 'probabilities' is" in row["sentence"]


def test_a_request_that_is_refused_is_counted_and_shown(rehearsed, tf_serving):
    tf_serving("error 7")
    seen = rehearsed(TF_SERVING)
    assert seen.refused == ["failed_requests"]
    assert seen.row("failed_requests")["value"] == 1
    assert "1 of 60 requests were not answered; the first: status 503: {" in seen.row("failed_requests")["sentence"]


def test_a_server_slower_than_the_rate_is_refused_by_what_its_clients_would_wait(rehearsed, tf_serving):
    tf_serving("slow 0.02")
    limits = {"max_p99_ms": 60, "min_throughput": 200, "rate": 100, "requests": 40}
    seen = rehearsed({**TF_SERVING, **limits})
    assert seen.refused == ["p99_ms", "throughput"]
    assert seen.row("p99_ms")["value"] > 150, "the last request was due at 0.4 s and answered at 0.8 s"
    assert "with 100 requests a second" in seen.row("p99_ms")["sentence"]
    assert seen.said["measurements"]["latency"]["p50_ms"] > 60


def test_a_measurement_ends_when_its_time_is_up(rehearsed, tf_serving):
    tf_serving("slow 0.02")
    seen = rehearsed({**TF_SERVING, "seconds": 0.1, "requests": 1000})
    assert [one["requests"] < 20 for one in seen.said["scaling"]] == [True]
    assert seen.said["passed"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_does_not_outlive_a_step_that_is_killed(tf_serving, models, tmp_path, number):
    tf_serving("mute")
    code = f"""
import sys, time
from pathlib import Path
from stellwerk.components.rehearsal.candidate import Candidate
with Candidate("tensorflow_model_server", Path({str(models["good"])!r}), Path({str(tmp_path)!r})) as candidate:
    print(candidate._process.pid, flush=True)
    time.sleep(600)
"""
    step = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    server = int(step.stdout.readline())
    log = tmp_path / "server.log"
    _wait_for(lambda: log.exists() and "Building" in log.read_text())
    assert _runs(server)
    os.kill(step.pid, number)
    step.communicate()
    _wait_for(lambda: not _runs(server))


def test_a_server_whose_step_died_before_it_began_does_not_begin():
    command = candidates.command(["sh", "-c", "echo began"])
    command[3] = "1"  # a parent that it does not have
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_for(condition) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
