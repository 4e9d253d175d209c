"""Runs in real containers of the image that $STELLWERK_IMAGE names, over the socket that $DOCKER_HOST names.

    docker build -t stellwerk:0.1.0 . && STELLWERK_IMAGE=stellwerk:0.1.0 pytest tests/containers

Without the variable nothing here is collected, and without $STELLWERK_NOTEBOOK_IMAGE nothing of notebooks; `.ci/containers` sets both.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

IMAGE = os.environ.get("STELLWERK_IMAGE", "")
NOTEBOOK_IMAGE = os.environ.get("STELLWERK_NOTEBOOK_IMAGE", "")
REPOSITORY = Path(__file__).parents[2]

if not IMAGE:
    collect_ignore_glob = ["test_*.py"]
elif not NOTEBOOK_IMAGE:
    collect_ignore_glob = ["test_notebook*.py"]

SPEC = """\
name: small
data: {sources: {flights: data/flights.csv}}
features:
  distance: {type: number}
  carrier: {type: category}
target: {column: late, type: binary}
model: {type: dense, hidden: [8]}
train: {epochs: 1, batch_size: 256}
evaluate: {require: {auc: {min: 0.99}}}
push: {to: models}
"""

Stellwerk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def image() -> str:
    return IMAGE


@pytest.fixture(scope="session")
def notebook_image() -> str:
    return NOTEBOOK_IMAGE


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    from stellwerk.pipelines.docker.service import service  # noqa: PLC0415 - where nothing is collected nothing is needed

    with service() as found:
        yield found.client


@pytest.fixture(scope="session")
def stellwerk() -> Stellwerk:
    """Runs the command line as a user would."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stellwerk", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)

    return run


@pytest.fixture(scope="session")
def january(nycflights: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Writes the flight-delays example with the flights of one month into a folder; returns the spec's path."""
    month = tmp_path_factory.mktemp("month") / "flights.csv.zip"
    with zipfile.ZipFile(nycflights / month.name) as archive:
        header, *rows = archive.read("flights.csv").splitlines(keepends=True)
    with zipfile.ZipFile(month, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flights.csv", b"".join([header, *(row for row in rows if row.split(b",", 2)[1] == b"1")]))

    def make(folder: Path) -> Path:
        (folder / "data").mkdir(parents=True)
        for file in (month, *(nycflights / name for name in ("weather.csv", "planes.csv", "airports.csv"))):
            shutil.copyfile(file, folder / "data" / file.name)
        shutil.copyfile(REPOSITORY / "examples" / "flight-delays" / "pipeline.yaml", folder / "pipeline.yaml")
        return folder / "pipeline.yaml"

    return make


@pytest.fixture
def small(flights_table: pa.Table, tmp_path: Path) -> Path:
    """The spec of a pipeline whose model cannot be good enough."""
    (tmp_path / "data").mkdir()
    table = io.BytesIO()
    pyarrow.csv.write_csv(flights_table.select(["distance", "carrier", "late"]), table)
    (tmp_path / "data" / "flights.csv").write_bytes(table.getvalue())
    (tmp_path / "pipeline.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path / "pipeline.yaml"
