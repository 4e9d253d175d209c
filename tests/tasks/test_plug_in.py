"""A task of an installed package, and a metric for it, run from the spec to a pushed model, while no file of the product knows of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

OF_REGRESSION = ("check", "graph", "label", "linear", "metrics", "rows", "start", "tally")
"""What a number of events has in common with any quantity."""

ABOUT = """\
from stellwerk.tasks.parts import About
ABOUT = About(has_classes=False, one_score=True, output="predictions")
"""
(HEAD,) = re.findall(
    r"^```python\n(# acme/count/head\.py.*?)^```",
    (Path(__file__).parents[2] / "docs/guides/extending.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)
"""As the guide has it: Poisson regression."""
METRIC = """\
from stellwerk.metrics import NATS, Measure, Metric
measure = Measure("acme_count.bias:BIAS", "MeanAbsoluteError")
METRIC = Metric("bias", "Bias", "lower", NATS, measures={"count": measure, "regression": measure})
"""
BIAS = """\
from stellwerk.tasks.counts import ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import normal

def _value(of):
    return abs(ratio(of.p - of.y, of.n))

BIAS = Formula(_value, lambda of: normal(_value(of), 0 * of.n))
"""
SPEC = """\
name: calls
data: {sources: {calls: calls.csv}}
features: {hour: {type: number}, line: {type: category}}
target: {column: calls, type: count}
model: {type: dense, hidden: [8]}
train: {epochs: 2, batch_size: 64}
evaluate: {metrics: [rmse, bias], require: {bias: {max: 50}}, over: nothing}
push: {to: models}
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder on the path, as pip lays a package with an entry point."""
    place = tmp_path / "site"
    info, module = place / "acme_count-1.0.dist-info", place / "acme_count"
    info.mkdir(parents=True)
    module.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-count\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[stellwerk.tasks]\ncount = acme_count\n[stellwerk.metrics]\nbias = acme_count.metric:METRIC\n",
        encoding="utf-8",
    )
    parts = {name: f"from stellwerk.tasks.regression.{name} import *\n" for name in OF_REGRESSION}
    for name, text in {"__init__": "", "about": ABOUT, "head": HEAD, "metric": METRIC, "bias": BIAS, **parts}.items():
        (module / f"{name}.py").write_text(text, encoding="utf-8")
    return place


def _rows(folder: Path) -> None:
    random = np.random.default_rng(3)
    hours, lines = random.integers(0, 24, 600), random.choice(["a", "b"], 600)
    calls = random.poisson(1 + hours / 8 + 2 * (lines == "a"))
    rows = [f"{hour},{line},{count}" for hour, line, count in zip(hours, lines, calls, strict=True)]
    (folder / "calls.csv").write_text("\n".join(["hour,line,calls", *rows]) + "\n", encoding="utf-8")
    (folder / "pipeline.yaml").write_text(SPEC, encoding="utf-8")


def _stellwerk(folder: Path, package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stellwerk", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_task_of_a_package_runs_from_the_spec_to_a_pushed_model(tmp_path: Path, package: Path) -> None:
    _rows(tmp_path)
    schema = json.loads(_stellwerk(tmp_path, package, "schema", "--json").stdout)
    assert schema["$defs"]["Target"]["properties"]["type"]["enum"][-1] == "count"

    done = _stellwerk(tmp_path, package, "run", "pipeline.yaml")
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("runs/calls/*/evaluate/evaluation/evaluation.json")
    evaluation = json.loads(written.read_text(encoding="utf-8"))
    assert evaluation["slices"][0]["metrics"].keys() == {"rmse", "bias"}
    assert 0 <= evaluation["slices"][0]["metrics"]["bias"] <= 50
    assert evaluation["regression"]["histogram"]["predicted_edges"][0] >= 0
    assert list(tmp_path.glob("models/calls/*/saved_model.pb"))


def test_a_task_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, package: Path) -> None:
    _rows(tmp_path)
    told = _stellwerk(tmp_path, package, "check", "pipeline.yaml", "--set", "target.type=counts")
    assert told.returncode == 2
    assert "unknown type 'counts'. Did you mean 'count'?" in told.stderr
    assert "binary, multiclass, regression, count" in told.stderr


def test_a_package_that_lacks_a_part_is_named_and_all_else_works(tmp_path: Path, package: Path) -> None:
    _rows(tmp_path)
    (package / "acme_count" / "about.py").unlink()
    broken = _stellwerk(tmp_path, package, "check", "pipeline.yaml")
    assert broken.returncode == 2
    assert "type of target 'count' of the package acme-count 1.0 has no 'about'" in broken.stderr
    other = _stellwerk(tmp_path, package, "check", "pipeline.yaml", "--set", "target.type=regression")
    assert other.returncode == 0, other.stderr
