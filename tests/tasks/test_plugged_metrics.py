"""A metric of an installed package is one of the table: the spec takes it, it is counted, and it decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

METRIC = """\
from stellwerk.metrics import SHARE, Measure, Metric
METRIC = Metric(
    "brier", "Brier score", "lower", SHARE, measures={"binary": Measure("acme_brier.formula:BRIER", "MeanSquaredError")}
)
"""
FORMULA = """\
from stellwerk.tasks.counts import ratio
from stellwerk.tasks.formula import Formula
from stellwerk.tasks.intervals import normal

def _value(of):
    return ratio(of.p2 - 2 * of.py + of.y, of.n)

BRIER = Formula(_value, lambda of: normal(_value(of), 0 * of.n, 0.0, 1.0))
"""
MEASURE = """\
import json
import numpy as np
from stellwerk.tasks import TASKS
tally = TASKS.part("binary", "tally").new_tally(("no", "yes"), 0.5, {wanted})
labels, given = np.array([0.0, 1.0, 1.0]), np.array([[0.1], [0.6], [0.9]])
tally.add(labels, given, [np.zeros(3, np.int64)])
print(json.dumps({{name: values[0] for name, values in tally.metrics(1).items()}}))
"""
CHECKED = """\
from stellwerk.spec.evaluate import Evaluate
from stellwerk.tasks.measures import suiting
Evaluate(require={"brier": {"max": 0.2}})
print(" ".join(suiting("binary")), "|", " ".join(suiting("multiclass")))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    place = tmp_path / "site"
    info, module = place / "acme_brier-1.0.dist-info", place / "acme_brier"
    info.mkdir(parents=True)
    module.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-brier\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[stellwerk.metrics]\nbrier = acme_brier:METRIC\n", encoding="utf-8")
    (module / "__init__.py").write_text(METRIC, encoding="utf-8")
    (module / "formula.py").write_text(FORMULA, encoding="utf-8")
    return place


def _python(package: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(package)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_a_metric_of_a_package_is_one_of_those_that_suit_its_tasks(package: Path) -> None:
    suits = _python(package, CHECKED)
    binary, multiclass = suits.stdout.split("|")
    assert "brier" in binary.split()
    assert "brier" not in multiclass.split()


def test_a_metric_of_a_package_is_counted_where_it_is_wanted(package: Path) -> None:
    wanted = json.loads(_python(package, MEASURE.format(wanted='("auc", "brier")')).stdout)
    assert wanted["brier"] == pytest.approx((0.1**2 + 0.4**2 + 0.1**2) / 3)
    assert "brier" not in json.loads(_python(package, MEASURE.format(wanted='("auc",)')).stdout)


def test_a_package_without_its_formula_costs_only_who_wants_it(package: Path) -> None:
    (package / "acme_brier" / "formula.py").write_text("", encoding="utf-8")
    refused = _python(package, MEASURE.format(wanted='("auc", "brier")'))
    assert (
        "The metric 'brier' of the package acme-brier 1.0 has no formula at acme_brier.formula:BRIER" in refused.stderr
    )
    assert json.loads(_python(package, MEASURE.format(wanted='("auc",)')).stdout)["auc"] == 1


def test_a_metric_that_does_not_import_is_told_to_who_names_it(package: Path) -> None:
    (package / "acme_brier" / "__init__.py").write_text("import no_such_library\n", encoding="utf-8")
    refused = _python(package, CHECKED)
    assert "The metric 'brier' of the package acme-brier 1.0 cannot be loaded" in refused.stderr
    assert "brier" not in _python(package, CHECKED.replace("Evaluate(", "# Evaluate(")).stdout
