"""A small pipeline on real flights, and one finished run of it that tests share."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from stellwerk.loading import load
from stellwerk.pipelines.checking import check

SPEC = """\
name: small-flights
data:
  sources: {flights: flights.csv}
  split: {by: hash, key: [year, month, day]}
features:
  distance: {type: number}
  sched_dep_time: {type: time, format: hhmm, parts: [hour]}
  carrier: {type: category}
  origin: {type: category}
target: {column: late, type: binary}
model: {type: dense, hidden: [16]}
train: {epochs: 2, batch_size: 256, optimizer: {type: adam, learning_rate: 0.01}}
evaluate:
  slices: [[origin]]
  require: {auc: {min: 0.5}}
push: {to: models}
"""

Stellwerk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def make_project(flights_table: pa.Table) -> Callable[[Path], Path]:
    """Writes the small pipeline and its data into a folder; returns the spec's path."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        names = ["year", "month", "day", "sched_dep_time", "carrier", "origin", "distance", "late"]
        pyarrow.csv.write_csv(flights_table.select(names), folder / "flights.csv")
        (folder / "pipeline.yaml").write_text(SPEC, encoding="utf-8")
        return folder / "pipeline.yaml"

    return make


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, make_project: Callable[[Path], Path], stellwerk: Stellwerk
) -> Path:
    """The small pipeline after one run from raw data to a pushed model. Not to be changed: see `project`."""
    spec = make_project(tmp_path_factory.mktemp("finished"))
    ran = stellwerk("run", spec)
    assert ran.returncode == 0, ran.stderr
    return spec


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished pipeline that a test may change; its cache is warm."""
    shutil.copytree(finished.parent, tmp_path / "project", copy_function=shutil.copy2)
    return tmp_path / "project" / "pipeline.yaml"


@pytest.fixture
def leaving() -> str:
    """A spec of who leaves, by age and plan, in `data.csv`."""
    return """\
name: leaving
data:
  sources:
    c: data.csv
features:
  age: {type: number}
  plan: {type: category}
target: {column: left, type: binary}
"""


@pytest.fixture
def checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaving: str
) -> Callable[..., tuple[list[str], list[str]]]:
    """Checks the spec `leaving`, or another, with overrides against data; returns the problems and the notes."""
    monkeypatch.chdir(tmp_path)

    def run(data: str | bytes, *overrides: str, spec: str = leaving) -> tuple[list[str], list[str]]:
        Path("data.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
        Path("p.yaml").write_text(spec, encoding="utf-8")
        notes: list[str] = []
        return [str(problem) for problem in check(load(Path("p.yaml"), overrides), noted=notes.append)], notes

    return run


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory, warm) -> Callable[[str], Path]:
    """`followed("series")` does what that guide says first: it runs its Python and then its spec, and returns the folder."""

    def follow(name: str) -> Path:
        guide = (Path(__file__).parents[2] / "docs" / "guides" / f"{name}.md").read_text(encoding="utf-8")
        folder = tmp_path_factory.mktemp(name)
        for language, file in {"python": "rows.py", "yaml": "pipeline.yaml"}.items():
            found = re.search(rf"^```{language}\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
            assert found is not None
            (folder / file).write_text(found[1], encoding="utf-8")
        assert warm.run("python", folder / "rows.py", cwd=folder).returncode == 0
        done = warm.run("run", folder / "pipeline.yaml", timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return follow
