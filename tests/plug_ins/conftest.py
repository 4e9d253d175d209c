"""`acme/` is a package as a company would write one. Only the commands of these tests see it: the product is tested alone elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

ACME = Path(__file__).parent / "acme"

Stellwerk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has installed the package into, from a copy, as building leaves files beside what is built."""
    copy = shutil.copytree(ACME, tmp_path_factory.mktemp("sources") / "acme")
    place = tmp_path_factory.mktemp("site")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "install", *quiet, "--target", place, copy], check=True)
    return place


def environment(*sites: Path, **more: str) -> dict[str, str]:
    """Variables with which a command finds packages that are in folders of their own."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sites)), "COLUMNS": "300", **more}


def stellwerk(folder: Path, *arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a folder."""
    command = [sys.executable, "-m", "stellwerk", *arguments]
    return subprocess.run(command, cwd=folder, env=dict(env), capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def rows() -> list[str]:
    """Lines of a ledger: alarms of wind turbines in an hour, more of them in wind from the west."""
    random = np.random.default_rng(7)
    speed, wind = random.uniform(0, 20, 700), random.integers(0, 360, 700)
    alarms = random.poisson(1 + speed / 8 - 1.5 * np.minimum(0, np.sin(np.radians(wind))))
    return [f"speed={s:.2f} wind={w} alarms={a}\n" for s, w, a in zip(speed, wind, alarms, strict=True)]
