"""How close each step is to what the machine can do: rows, cores, pyarrow's own reading and writing, training's input.

    python benchmarks/limits.py --data chicago_taxi.csv                          all parts, about eight minutes on 2 cores
    python benchmarks/limits.py --data chicago_taxi.csv --parts cores training   only these

The job is that of `beside_tfx.py`, without TFX. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "tfx"))

import data as taxi
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from measuring import STELLWERK, measure
from recording import record, table

HERE = Path(__file__).parent
SIZES = (500_000, 5_000_000)
REPEAT = 3
LARGER = "[1024, 512]"
"""Hidden layers of a network whose steps are long enough to be divided."""
ALONE = """
import numpy as np
a = np.random.default_rng(1).random((300, 300))
for _ in range(1500):
    a = np.tanh(a @ a * 1e-3)
sum(range(50_000_000))
"""
"""Work of one core that needs nothing of another."""
EXPONENT = "exponent"
"""The e in time ~ rows^e between the two sizes: 1 is linear; below 1 a part of the time does not depend on the rows."""


@dataclass(frozen=True)
class Run:
    """One run of the job."""

    wall: float
    peak_pss: int
    record: dict[str, Any]
    folder: Path

    @cached_property
    def steps(self) -> dict[str, dict[str, Any]]:
        """What `run.json` says of each step, by name."""
        return {step["name"]: step for step in self.record["steps"]}

    def artifact(self, step: str, name: str) -> Path:
        """Where an artifact of the run is."""
        return self.folder / step / name


class Job:
    """The taxi job at several sizes; its data are made once."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._source, self._folder = source, folder

    @cached_property
    def types(self) -> pa.Schema:
        """The columns of the trips and their types."""
        return pyarrow.csv.read_csv(self._source).schema

    def data(self, rows: int) -> Path:
        """Returns the file of so many trips."""
        path = self._folder / f"{rows}.csv"
        if not path.exists():
            taxi.write(self._source, path, rows)
        return path

    def run(self, rows: int, cores: int | None = None, until: str = "push", settings: Sequence[str] = ()) -> Run:
        """Runs everything anew, up to a step, on so many cores; `settings` are those of `--set`."""
        project = Path(tempfile.mkdtemp(dir=self._folder))
        shutil.copyfile(HERE / "tfx" / "taxi.yaml", project / "pipeline.yaml")
        (project / "data.csv").symlink_to(self.data(rows))
        pinned = [] if cores is None else ["taskset", "--cpu-list", f"0-{cores - 1}"]
        options = ["--until", until, *(word for setting in settings for word in ("--set", setting))]
        measured = measure([*pinned, *STELLWERK, "run", "pipeline.yaml", "--json", *options], project)
        found = json.loads(measured.stdout)
        return Run(measured.wall, measured.peak_pss, found, project / "runs" / "taxi" / found["run"])


def rows(job: Job) -> str:
    """Memory and time at 500,000 and 5,000,000 rows."""
    small, large = (job.run(size) for size in SIZES)
    cells = [
        [
            name,
            *_grown(step["peak_memory"], large.steps[name]["peak_memory"]),
            *_longer(step["seconds"], large.steps[name]["seconds"]),
        ]
        for name, step in small.steps.items()
    ]
    cells.append(["whole tree (PSS)", *_grown(small.peak_pss, large.peak_pss), *_longer(small.wall, large.wall)])
    names = [f"{size:,} rows" for size in SIZES]
    header = ["step", *(f"memory, {name}" for name in names), "growth", *(f"wall, {name}" for name in names), EXPONENT]
    return f"{table(header, cells)}\n\nTime grows as rows^exponent; a step's memory is the resident set of its process."


def _grown(first: float, second: float) -> list[str]:
    return [f"{first / 2**20:,.0f} MiB", f"{second / 2**20:,.0f} MiB", f"{second / first - 1:+.0%}"]


def _longer(first: float, second: float) -> list[str]:
    exponent = math.log(second / first) / math.log(SIZES[1] / SIZES[0])
    return [f"{first:.1f} s", f"{second:.1f} s", f"{exponent:.2f}" if min(first, second) > 0.05 else ""]


def cores(job: Job) -> str:
    """What a second core gives each step, at 5,000,000 rows, and the training of a larger network: the better of two runs each."""
    counts = (1, 2) * 2  # alternating, as the machine is not equally fast all the time
    found, alone, larger, apart = [], [], [], []
    for count in counts:
        found.append((count, job.run(SIZES[1], count)))
        alone.append((count, job.run(SIZES[1], count, "ingest")))
        larger.append((count, job.run(SIZES[0], count, "train", [f"model.hidden={LARGER}"])))
        apart.append((count, _two_apart(count)))
    seconds = {"ingest, nothing loading beside it": [(count, run.steps["ingest"]["seconds"]) for count, run in alone]}
    for name in found[0][1].steps:
        if name != "push":
            seconds[name] = [(count, run.steps[name]["seconds"]) for count, run in found]
    seconds[f"train, {SIZES[0]:,} rows, hidden: {LARGER}"] = [(n, run.steps["train"]["seconds"]) for n, run in larger]
    seconds["whole pipeline"] = [(count, run.wall) for count, run in found]
    seconds["two programs that share nothing"] = apart
    cells = []
    for name, measured in seconds.items():
        one, two = (min(taken for count, taken in measured if count == cores) for cores in (1, 2))
        cells.append([name, f"{one:.1f} s", f"{two:.1f} s", f"**{one / two:.2f}x**"])
    note = (
        "The better of two runs each, alternating. While `ingest` reads, the libraries of the later steps load on the second core. "
        "The last line is what the machine itself gained at that time."
    )
    return f"{table(['step', '1 core', '2 cores', 'faster'], cells)}\n\n{note}"


def _two_apart(cores: int) -> float:
    """Returns the seconds that two programs take which have nothing to do with each other, on so many cores."""
    began = time.perf_counter()
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = ["taskset", "--cpu-list", f"0-{cores - 1}", sys.executable, "-c", ALONE]
    for each in [subprocess.Popen(command, env=environment) for _ in range(2)]:
        each.wait()
    return time.perf_counter() - began


def ingest(job: Job) -> str:
    """Ingest beside pyarrow, which reads the same CSV and writes the same columns as Parquet."""
    cells = []
    for size in SIZES:
        path = job.data(size)
        plain = median(_copied(path, job.types) for _ in range(REPEAT))
        step = median(job.run(size, until="ingest").steps["ingest"]["seconds"] for _ in range(REPEAT))
        cells.append(
            [
                f"{size:,}",
                f"{path.stat().st_size / 2**20:,.0f} MiB",
                f"{plain:.2f} s",
                f"{step:.2f} s",
                f"**{plain / step:.0%}**",
            ]
        )
    note = (
        "pyarrow's `open_csv` and `ParquetWriter` on all cores, batch by batch, without a query, types, digests, a split or "
        "a quarantine."
    )
    return f"{table(['rows', 'CSV', 'pyarrow', 'ingest', 'of its speed'], cells)}\n\n{note}"


def _copied(path: Path, types: pa.Schema) -> float:
    began = time.perf_counter()
    target = path.with_suffix(".parquet")
    # Of a column that begins empty it would guess that it stays so.
    typed = pyarrow.csv.ConvertOptions(column_types=types)
    with (
        pyarrow.csv.open_csv(path, convert_options=typed) as reader,
        pq.ParquetWriter(target, reader.schema, compression="snappy") as writer,
    ):
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]))
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def training(job: Job) -> str:
    """Whether training waits for its data."""
    run = job.run(SIZES[0])
    call = run.folder / "train" / "call.json"
    measured = measure([sys.executable, str(HERE / "limits_training.py"), str(call)], HERE)
    found = json.loads(measured.stdout.splitlines()[-1])
    cells = [
        ["rows a second that the input delivers, nobody training", f"{found['delivered']:,.0f}"],
        ["rows a second that training takes, after the first calls", f"{found['consumed']:,.0f}"],
        ["delivered for each that is taken", f"**{found['delivered'] / found['consumed']:.1f}x**"],
        ["share of the wall time in steps, after the first calls", f"**{found['share']:.1%}**"],
    ]
    return table(["500,000 rows, batches of 512", ""], cells)


def runner(job: Job) -> str:
    """What the runner costs between two steps."""
    runs = [job.run(15_002) for _ in range(REPEAT)]
    gaps: dict[str, list[float]] = {}
    for run in runs:
        before = 0.0
        for name, step in run.steps.items():
            gaps.setdefault(name, []).append(step["started"] - before)
            before = step["started"] + (step["waited"] or 0.0) + step["seconds"]
    cells = [[name, f"{median(found) * 1000:.0f} ms"] for name, found in gaps.items()]
    note = "From the end of the step before to the start of this one: digests, the cache, `run.json`."
    return f"{table(['step', 'overhead'], cells)}\n\n{note}"


PARTS: dict[str, tuple[str, Callable[[Job], str]]] = {
    "rows": ("Rows: memory and time", rows),
    "cores": ("Cores: one and two", cores),
    "ingest": ("Ingest beside pyarrow", ingest),
    "training": ("Training and its input", training),
    "runner": ("Overhead of the runner", runner),
}
"""What can be measured, and its heading."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the Chicago taxi trips as CSV")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(given.data.resolve(), Path(folder))
        for part in given.parts:
            heading, measured = PARTS[part]
            if part == "cores" and (os.cpu_count() or 1) < 2:
                sys.exit("cores: this machine has one.")
            text = measured(job)
            record(heading, f"python benchmarks/limits.py --data chicago_taxi.csv --parts {part}", text)
            print(f"{heading}\n{text}\n", flush=True)


if __name__ == "__main__":
    main()
