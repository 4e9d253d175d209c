"""The same job through Stellwerk and through TFX 1.16, side by side, alternating, on the same machine.

    python benchmarks/beside_tfx.py --data chicago_taxi.csv                     15,002 and 500,000 rows
    python benchmarks/beside_tfx.py --data chicago_taxi.csv --rows 5000000      takes TFX an hour
    python benchmarks/beside_tfx.py --data chicago_taxi.csv --rows 5000000 --only stellwerk

TFX gets a virtual environment of its own (`build/tfx`), made on the first call.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "tfx"))

import data as taxi
from measuring import Measured, measure
from plotting import bars
from recording import record, table

HERE = Path(__file__).parent
ROOT = HERE.parent
TFX_PYTHON = ROOT / "build" / "tfx" / "bin" / "python"
TFX_PACKAGES = (
    "tfx==1.16.0",
    "apache-beam==2.59.0",
    "dill==0.3.1.1",
    "cloudpickle==2.2.1",
    "keras==3.6.0",
    "pip",
    "setuptools",
    "wheel",
)
STEPS = {
    "ingest": ("CsvExampleGen",),
    "validate": ("StatisticsGen", "SchemaGen", "ExampleValidator"),
    "transform": ("Transform",),
    "train": ("Trainer",),
    "evaluate": ("Evaluator",),
    "push": ("Pusher",),
}
"""Which TFX components do the work of a step."""

IMPORTS = (
    "TFX loads its libraries before its first component; Stellwerk loads those of each step beside the steps before it. Neither "
    "counts as a step, both count in the whole pipeline."
)


@dataclass(frozen=True)
class Step:
    """What one step took."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Run:
    """What one run took, and each of its steps."""

    whole: Measured
    steps: dict[str, Step]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the Chicago taxi trips as CSV")
    parser.add_argument("--rows", type=int, nargs="+", default=[15_002, 500_000])
    parser.add_argument("--repeat", type=int, default=1, help="runs of each, alternating; the median counts")
    parser.add_argument("--only", choices=["stellwerk"], help="leave TFX out")
    given = parser.parse_args()
    if given.only is None and not TFX_PYTHON.exists():
        _install_tfx()
    for rows in given.rows:
        _compare(given.data, rows, given.repeat, tfx=given.only is None)


def _install_tfx() -> None:
    uv = ROOT / "build" / "uv" / "bin" / "python"
    if not uv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(uv.parent.parent)], check=True)
        subprocess.run([str(uv), "-m", "pip", "install", "--quiet", "uv"], check=True)
    venv = str(TFX_PYTHON.parent.parent)
    subprocess.run([str(uv), "-m", "uv", "venv", "--python", "3.11", venv], check=True)
    install = [str(uv), "-m", "uv", "pip", "install", "--compile-bytecode", "--python", str(TFX_PYTHON)]
    subprocess.run([*install, *TFX_PACKAGES], check=True)


def _compare(source: Path, rows: int, repeat: int, *, tfx: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taxi.write(source, folder / "data" / "data.csv", rows)
        cold: dict[str, list[Run]] = {"tfx": [], "stellwerk": []}
        again: dict[str, list[Measured]] = {"tfx": [], "stellwerk": []}
        for number in range(repeat):
            if tfx:
                _tfx(folder, f"tfx-{number}", rows, cold["tfx"], again["tfx"])
            _stellwerk(folder, f"stellwerk-{number}", cold["stellwerk"], again["stellwerk"])
    engines = ["tfx", "stellwerk"] if tfx else ["stellwerk"]
    text = _text({name: cold[name] for name in engines}, {name: again[name] for name in engines}, rows)
    section = f"Beside TFX: {rows:,} rows" if tfx else f"Taxi, {rows:,} rows"
    record(section, f"python benchmarks/beside_tfx.py --data chicago_taxi.csv --rows {rows}", text)
    print(text)


def _tfx(folder: Path, name: str, rows: int, cold: list[Run], again: list[Measured]) -> None:
    script = str(HERE / "tfx" / "taxi_pipeline.py")
    command = [str(TFX_PYTHON), script, str(folder / "data"), str(folder / name), str(rows)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    whole = measure(command, folder, quiet)
    components: dict[str, dict[str, float]] = json.loads(whole.stdout.splitlines()[-1])
    steps = {}
    for step, parts in STEPS.items():
        found = [components[part] for part in parts]
        memory = max(whole.peak_between(part["began"], part["began"] + part["wall"]) for part in found)
        steps[step] = Step(sum(part["wall"] for part in found), sum(part["cpu"] for part in found), memory)
    cold.append(Run(whole, steps))
    again.append(measure(command, folder, quiet))


def _stellwerk(folder: Path, name: str, cold: list[Run], again: list[Measured]) -> None:
    project = folder / name
    project.mkdir()
    shutil.copyfile(HERE / "tfx" / "taxi.yaml", project / "pipeline.yaml")
    (project / "data.csv").symlink_to(folder / "data" / "data.csv")
    command = [sys.executable, "-m", "stellwerk", "run", "pipeline.yaml", "--json"]
    whole = measure(command, project)
    run: dict[str, Any] = json.loads(whole.stdout)
    steps = {}
    for step in run["steps"]:
        called = (project / "runs" / "taxi" / run["run"] / step["name"] / "call.json").stat().st_mtime
        began = called + (step["waited"] or 0.0)
        memory = whole.peak_between(began, began + max(step["seconds"], 0.3))
        steps[step["name"]] = Step(step["seconds"], step["cpu_seconds"], memory)
    cold.append(Run(whole, steps))
    again.append(measure(command, project))


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def _text(cold: dict[str, list[Run]], again: dict[str, list[Measured]], rows: int) -> str:
    lines: list[tuple[str, dict[str, float], dict[str, float], dict[str, float]]] = []
    whole = {name: [run.whole for run in runs] for name, runs in cold.items()}
    lines.append(("whole pipeline, cold", *_medians(whole)))
    for step in STEPS:
        found = {name: [run.steps[step] for run in runs] for name, runs in cold.items()}
        lines.append((step, *_medians(found)))
    lines.append(("unchanged run again", *_medians(again)))
    if "tfx" not in cold:
        cells = [
            [name, _seconds(w["stellwerk"]), _seconds(c["stellwerk"]), _mib(m["stellwerk"])] for name, w, c, m in lines
        ]
        return table(["", "wall", "CPU", "peak memory"], cells)
    cells = [
        [
            name,
            _seconds(wall["tfx"]),
            _seconds(wall["stellwerk"]),
            f"**{wall['tfx'] / max(wall['stellwerk'], 1e-3):.1f}x**",
            _seconds(cpu["tfx"]),
            _seconds(cpu["stellwerk"]),
            _mib(memory["tfx"]),
            _mib(memory["stellwerk"]),
            f"{memory['stellwerk'] / memory['tfx']:.0%}" if memory["tfx"] and memory["stellwerk"] else "",
        ]
        for name, wall, cpu, memory in lines
    ]
    header = ["", "TFX", "Stellwerk", "faster", "CPU TFX", "CPU Stellwerk", "memory TFX", "memory Stellwerk", "share"]
    picture = f"images/beside-tfx-{rows}.svg"
    bars(
        ROOT / "docs" / picture,
        f"Seconds of wall time, {rows:,} rows",
        [(name, wall["tfx"], wall["stellwerk"]) for name, wall, _, _ in lines],
    )
    return f"{table(header, cells)}\n\n{IMPORTS}\n\n![wall time by step]({picture})"


def _medians(runs: dict[str, Any]) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    wall = {name: median(run.wall for run in found) for name, found in runs.items()}
    cpu = {name: median(run.cpu for run in found) for name, found in runs.items()}
    memory = {
        name: median(run.memory if isinstance(run, Step) else run.peak_pss for run in found)
        for name, found in runs.items()
    }
    return wall, cpu, memory


def _mib(memory: float) -> str:
    """Says how much; nothing for a step that was over before a sample was taken."""
    return f"{memory / 2**20:,.0f} MiB" if memory else ""


if __name__ == "__main__":
    main()
