"""Steps on Apache Flink beside the same steps here: what passes before and around Flink's own jobs. Small data, so that it shows.

    .ci/flink --download && python benchmarks/beam_on_flink.py

A session cluster of one task manager and Beam's job server run on this machine (`tests/flink/cluster.py`). The pipeline is that of
flight-delays on every 22nd day, twice: the first jobs of Java processes that have just started, and the next ones.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from measuring import EXAMPLE, STELLWERK, measure
from recording import record, table

ROOT = Path(__file__).parent.parent
STEPS = ("validate", "transform", "evaluate")
DAYS = ("WHERE f.arr_delay IS NOT NULL", "WHERE (31 * f.month + f.day) % 22 = 0 AND f.arr_delay IS NOT NULL")


@dataclass(frozen=True)
class Run:
    """What a run says of its steps, and Flink of their jobs."""

    steps: dict[str, dict[str, Any]]
    began: dict[str, float]
    """When each step began, in seconds since 1970."""
    jobs: list[dict[str, Any]]
    java: float
    """CPU seconds of Flink and the job server."""

    def row(self, name: str) -> list[str]:
        """Returns a step's part of the table."""
        step = self.steps[name]
        own = [job for job in self.jobs if job["name"].removeprefix("stellwerk-").split("-")[0] == name]
        until = own[0]["start-time"] / 1000 - self.began[name]
        inside = sum(job["duration"] for job in own) / 1000
        seconds = [f"{value:.1f} s" for value in (step["seconds"], until, inside, step["cpu_seconds"])]
        return [*seconds, str(len(own)), str(sum(job["tasks"]["total"] for job in own))]


@contextmanager
def _cluster(jars: Path) -> Iterator[tuple[dict[str, str], psutil.Process]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "tests" / "flink" / "cluster.py"), str(jars), folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), psutil.Process(process.pid)
            process.communicate()


def _run(
    project: Path, beam: str = "", flink: Mapping[str, str] | None = None, java: psutil.Process | None = None
) -> Run:
    before, cpu = len(_jobs(flink)), _cpu(java)
    command = [*STELLWERK, "run", "pipeline.yaml", "--until", "evaluate", "--no-cache", "--json"]
    done = json.loads(measure([*command, *(["--set", f"beam={beam}"] if beam else [])], project).stdout)
    folder = project / "runs" / "flight-delays" / done["run"]
    steps = {step["name"]: step for step in done["steps"]}
    began = {name: (folder / name / "call.json").stat().st_mtime + steps[name]["waited"] for name in STEPS}
    return Run(steps, began, _jobs(flink)[before:], _cpu(java) - cpu)


def _jobs(flink: Mapping[str, str] | None) -> list[dict[str, Any]]:
    if flink is None:
        return []
    with urllib.request.urlopen(f"{flink['rest']}/jobs/overview") as answer:
        jobs: list[dict[str, Any]] = json.load(answer)["jobs"]
    return sorted(jobs, key=lambda job: job["start-time"])


def _cpu(parent: psutil.Process | None) -> float:
    times = [child.cpu_times() for child in parent.children()] if parent else []
    return sum(one.user + one.system for one in times)


def main() -> None:
    """Runs the pipeline here and twice on Flink, and records what the steps took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jars", type=Path, default=ROOT / "build" / "flink", help="what .ci/flink downloaded")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "flight-delays"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("runs", "models"))
        spec = (project / "pipeline.yaml").read_text(encoding="utf-8")
        assert DAYS[0] in spec
        (project / "pipeline.yaml").write_text(spec.replace(*DAYS) + "validate: {on_anomaly: warn}\n", encoding="utf-8")
        here = _run(project)
        with _cluster(given.jars) as (flink, java):
            options = f"{{job_endpoint: '{flink['jobs']}', environment_type: LOOPBACK}}"
            beam = f"{{runner: PortableRunner, options: {options}}}"
            runs = {name: _run(project, beam, flink, java) for name in ("first jobs", "next jobs")}
    header = ["step", "here", "on Flink", "until Flink has the job", "in its jobs", "CPU of the step", "jobs", "tasks"]
    rows = [
        [f"{step}, {name}", f"{here.steps[step]['seconds']:.1f} s", *run.row(step)]
        for name, run in runs.items()
        for step in STEPS
    ]
    java_seconds = ", ".join(f"{run.java:.0f} s ({name})" for name, run in runs.items())
    text = f"{table(header, rows)}\n\n{here.steps['ingest']['rows']:,} rows. CPU of Flink and the job server: {java_seconds}."
    record("Steps on Flink", "python benchmarks/beam_on_flink.py", text)
    print(text)


if __name__ == "__main__":
    main()
