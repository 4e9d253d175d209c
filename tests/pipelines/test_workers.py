"""The warm process: a step is run whether its child is ready, still loading, or dead."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stellwerk.pipelines.embedded.workers import Workers

SECONDS = 120

pytestmark = pytest.mark.usefixtures("cold")


@pytest.fixture
def ended(tmp_path: Path) -> Callable[[Workers, str], list[str]]:
    """Calls a step without its arguments, and returns what it told until it ended."""

    def run(workers: Workers, step: str) -> list[str]:
        workers.start(step, tmp_path / "call.json", tmp_path / "log.txt", {})
        told: list[str] = []
        until = time.monotonic() + SECONDS
        while not {"done", "error", "died"}.intersection(told) and time.monotonic() < until:
            told += [event.kind for event in workers.wait(0.1)]
        return told

    return run


def prepared(workers: Workers) -> psutil.Process:
    """Waits for the child that gets ready for a step."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        children = psutil.Process(workers.pid).children()
        if children:
            return children[0]
        time.sleep(0.001)
    raise TimeoutError("no child")


def gone(child: psutil.Process) -> bool:
    """Waits for a process to end."""
    until = time.monotonic() + SECONDS
    while child.is_running() and time.monotonic() < until:
        time.sleep(0.01)
    return not child.is_running()


def test_a_step_that_nobody_announced_is_run(ended):
    with Workers() as workers:
        assert ended(workers, "push") == ["began", "error"]


def test_a_step_is_run_by_the_child_that_is_still_loading_its_libraries(ended):
    with Workers() as workers:
        workers.preload(["push"])
        child = prepared(workers)
        assert ended(workers, "push") == ["began", "error"]
        assert gone(child)


def test_a_step_is_run_although_the_child_that_waited_for_it_was_killed(ended):
    with Workers() as workers:
        workers.preload(["push"])
        child = prepared(workers)
        os.kill(child.pid, signal.SIGKILL)
        assert gone(child)
        assert ended(workers, "push") == ["began", "error"]


def test_frameworks_that_no_step_asks_for_are_loaded_aside_and_go_with_the_run():
    with Workers() as workers:
        workers.load_frameworks()
        loading = prepared(workers)
    assert gone(loading)
