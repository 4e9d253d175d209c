"""A real Flink with Beam's job server, whose jars $STELLWERK_FLINK names.

    .ci/flink

Without the variable nothing here is collected; `.ci/flink` downloads the jars and sets it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

JARS = os.environ.get("STELLWERK_FLINK", "")
CLUSTER = Path(__file__).parent / "cluster.py"

if not JARS:
    collect_ignore_glob = ["test_*.py"]

SPEC = """\
name: small
data: {sources: {flights: flights.csv}}
features:
  distance: {type: number, scale: standard}
  air_time: {type: number, scale: log, missing: median}
  hour: {type: number, scale: buckets, buckets: 8}
  carrier: {type: category, vocabulary: 10}
  dest: {type: category, min_count: 20}
target: {column: late, type: binary}
validate: {on_anomaly: warn}
model: {type: dense, hidden: [8]}
train: {epochs: 1, batch_size: 256}
evaluate: {metrics: [auc, accuracy, calibration], slices: [[carrier]], over: nothing}
"""
COLUMNS = ["distance", "air_time", "hour", "carrier", "dest", "late"]
"""No column of texts has more than 1,000 of them: TFDV's sketches keep those by chance, here as there."""


@dataclass(frozen=True)
class Flink:
    """Where the cluster is."""

    jobs: str
    """HOST:PORT of the job server."""
    rest: str
    """Address of Flink itself."""
    work: Path
    """The cluster's folder."""

    def jobs_seen(self) -> list[dict[str, Any]]:
        """Returns Flink's own word on every job, the oldest first."""
        with urllib.request.urlopen(f"{self.rest}/jobs/overview", timeout=30) as answer:
            return sorted(json.load(answer)["jobs"], key=lambda job: job["start-time"])

    def staged(self) -> dict[str, int]:
        """Returns how many bytes each job has sent to the cluster, by its id."""
        folders = [path for path in (self.work / "blobs").glob("*/job_*") if any(path.iterdir())]
        return {path.name: sum(file.stat().st_size for file in path.iterdir()) for path in folders}


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flink]:
    """A session cluster with one task manager of two slots, and the job server."""
    work = tmp_path_factory.mktemp("flink") / "work"
    command = [sys.executable, str(CLUSTER), JARS, str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ready = process.stdout.readline()
        assert ready, "the cluster did not start"
        yield Flink(**json.loads(ready), work=work)
        process.communicate()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, flights_table: pa.Table) -> Path:
    """The folder of a small spec and its data."""
    folder = tmp_path_factory.mktemp("project")
    table = io.BytesIO()
    pyarrow.csv.write_csv(flights_table.select(COLUMNS), table)
    (folder / "flights.csv").write_bytes(table.getvalue())
    (folder / "pipeline.yaml").write_text(SPEC, encoding="utf-8")
    return folder


Run = Callable[..., Path]


@pytest.fixture(scope="session")
def run() -> Run:
    """`run(project, beam)` runs the pipeline up to the evaluation as a user would, and returns the folder of the run."""

    def run_it(project: Path, beam: dict[str, Any] | None = None) -> Path:
        command = [sys.executable, "-m", "stellwerk", "run", "pipeline.yaml", "--until", "evaluate", "--json"]
        given = ["--set", f"beam={json.dumps(beam)}"] if beam else []
        done = subprocess.run([*command, *given], cwd=project, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return project / "runs" / "small" / json.loads(done.stdout)["run"]

    return run_it


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str, str], Path]:
    """`script(name, text)` is a program."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def pool(tmp_path: Path, script: Callable[[str, str], Path]) -> Iterator[Callable[[str], str]]:
    """`pool(text)` is HOST:PORT of a worker pool of Beam, with the program of that text as the `python` of its PATH."""
    with contextlib.ExitStack() as stack:

        def start(text: str) -> str:
            path = f"{script('python', text).parent}{os.pathsep}{os.environ['PATH']}"
            with contextlib.closing(socket.socket()) as listener:
                listener.bind(("127.0.0.1", 0))
                port = listener.getsockname()[1]
            command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
            log = stack.enter_context((tmp_path / "pool.log").open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": path})
            stack.callback(process.wait)
            stack.callback(process.terminate)
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    return f"localhost:{port}"
                time.sleep(0.1)
            raise AssertionError((tmp_path / "pool.log").read_text())

        yield start
