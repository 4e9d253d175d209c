"""Workers that are processes of their own: none that comes up is told after a time, and a job without one is cancelled."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.beam.watching import Signs, Watch
from stellwerk.components.calling import call
from stellwerk.errors import DataError, StepFailed
from stellwerk.spec import Beam

WITHOUT_BEAM = f'#!/bin/sh\nexec {sys.executable} -S "$@"\n'
WITH_BEAM = f'#!/bin/sh\nexec {sys.executable} "$@"\n'

Pool = Callable[[str], str]


@pytest.fixture
def pool(tmp_path: Path, closed_port: str) -> Iterator[Pool]:
    """`pool(script)` is HOST:PORT of a real worker pool of Beam, with the script as the `python` of its PATH."""
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", "--service_port"]
    host, port = closed_port.split(":")
    with ExitStack() as stack:

        def start(script: str) -> str:
            python = tmp_path / "bin" / "python"
            python.parent.mkdir()
            python.write_text(script)
            python.chmod(0o755)
            log = stack.enter_context((tmp_path / "pool.log").open("wb"))
            path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
            process = subprocess.Popen([*command, port], stdout=log, stderr=log, env={**os.environ, "PATH": path})
            stack.callback(process.wait)
            stack.callback(process.terminate)
            _until_it_listens(host, int(port), process, tmp_path / "pool.log")
            return f"localhost:{port}"

        yield start


def _until_it_listens(host: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the pool did not start: {log.read_text()}")


@pytest.fixture
def validate(flights: Path, tmp_path: Path) -> Callable[..., Path]:
    """`validate(beam)` runs the step on that runner, and returns its statistics."""

    def run(**beam: Any) -> Path:
        given = {"settings": {"on_anomaly": "warn"}, "target": {"column": "late", "type": "binary"}}
        out = {name: str(tmp_path / name) for name in ("statistics", "schema", "anomalies")}
        call("validate", {**given, "examples": str(flights), "beam": beam, **out})
        return tmp_path / "statistics"

    return run


def _external(job_service: str, pool: str) -> dict[str, Any]:
    options = {"job_endpoint": job_service, "environment_type": "EXTERNAL", "environment_config": pool}
    return {"runner": "PortableRunner", "options": options}


def test_a_pool_whose_python_has_no_beam_is_told_and_its_job_cancelled(validate, job_service, pool, tmp_path):
    address = pool(WITHOUT_BEAM)
    began = time.monotonic()
    with pytest.raises(StepFailed) as told:
        validate(**_external(job_service, address), worker_seconds=8)
    assert str(told.value) == (
        "beam: PortableRunner has had the job for 8 s (beam.worker_seconds) and no worker has come up, so it was told to cancel the "
        f"job: the pool at {address} starts `python` from its own PATH, which must be the Python that has Stellwerk and Beam; the "
        "pool's log says why a worker ended; or the cluster has no free slots, and beam.worker_seconds is too short."
    )
    assert 8 < time.monotonic() - began < 60
    assert "ModuleNotFoundError" in (tmp_path / "pool.log").read_text()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing is left over"


def test_a_pool_that_starts_workers_is_given_its_time(validate, job_service, pool):
    statistics = validate(**_external(job_service, pool(WITH_BEAM)), worker_seconds=120)
    assert (statistics / "train" / "FeatureStats.pb").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"environment_type": "LOOPBACK"}, "with LOOPBACK this process is the worker"),
        (
            {"environment_type": "PROCESS", "environment_config": '{"command": "/opt/boot"}'},
            'run {"command": "/opt/boot"}',
        ),
        ({"environment_config": "registry/stellwerk-beam:1"}, "start containers of registry/stellwerk-beam:1"),
        ({}, "start containers of Beam's own image"),
    ],
)
def test_what_to_look_at_is_where_the_workers_start(options, said):
    settings = Beam(runner="FlinkRunner", options=options, worker_seconds=30)
    assert said in str(Watch(settings, "/nowhere").failure())
    assert "FlinkRunner has had the job for 30 s" in str(Watch(settings, "/nowhere").failure())


def test_a_worker_leaves_its_sign_only_where_the_step_can_see_it(tmp_path):
    Signs(str(tmp_path / "worker")).setup()
    assert (tmp_path / "worker").exists()
    with pytest.raises(DataError, match=r"does not see .*/missing\. Mount the same volume at the same path"):
        Signs(str(tmp_path / "missing" / "worker")).setup()
    assert not (tmp_path / "missing").exists()
