"""Columns whose names differ by the case of letters only, from the file to the answers of a model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from stellwerk.serving.runtimes import Variant

FEATURES = {"Age": {"type": "number"}, "age": {"type": "number"}, "AGE": {"type": "category"}}
ROWS = 240


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    random = np.random.default_rng(8)
    made = []
    for number in range(ROWS):
        row = {"Age": round(float(random.normal()), 3), "age": round(float(random.normal(5, 2)), 3)}
        row |= {"AGE": str(random.choice(["u", "v", "w"])), "Key": f"k{number}", "key": number % 40, "Y": number}
        made.append({**row, "y": int(row["Age"] + 2 * (row["AGE"] == "u") > 0)})
    return made


@pytest.fixture(scope="module")
def ran(tmp_path_factory, rows, write, stellwerk) -> Path:
    """The folder of a pipeline that names no model, so that the default network is what is converted."""
    spec = write(
        tmp_path_factory.mktemp("spelling"),
        rows,
        data={"sources": {"table": "data.csv"}, "split": {"by": "hash", "key": ["key"]}},
        features=FEATURES,
        target={"column": "y", "type": "binary"},
        model={"type": "ensemble"},
        evaluate={"slices": [["AGE"], ["key"]], "metrics": ["auc"], "over": "nothing"},
        push={"to": "models", "formats": ["saved_model", "litert", "onnx"]},
    )
    done = stellwerk("run", spec)
    assert done.returncode == 0, done.stderr
    return spec.parent


def test_each_column_is_itself_in_predictions_servers_and_variants(ran, rows, stellwerk, serving):
    done = stellwerk("predict", ran / "models" / "t", ran / "data.csv", "-o", ran / "out.csv")
    assert done.returncode == 0, done.stderr
    with (ran / "out.csv").open(newline="", encoding="utf-8") as file:
        answers = [float(row["probability"]) for row in csv.DictReader(file)]
    served = serving(ran / "models" / "t")
    row = {name: rows[0][name] for name in FEATURES}
    assert served.instances(row)[0] == pytest.approx([answers[0]], abs=1e-5)
    swapped = served.instances({**row, "Age": row["age"], "age": row["Age"]})[0]
    assert swapped != pytest.approx([answers[0]], abs=1e-5)
    for name in ("litert", "onnx"):
        with Variant(ran / "models" / "t" / "1" / "variants" / name) as variant:
            assert set(variant.about["inputs"]) == set(FEATURES)


def test_the_report_has_a_row_for_each(ran):
    (run,) = (path for path in (ran / "runs" / "t").iterdir() if (path / "run.json").exists())
    page = (run / "report.html").read_text(encoding="utf-8")
    for name in ("Age", "age", "AGE", "Key", "key", "Y", "y"):
        assert f">{name}<" in page, name
    names = json.loads((ran / "models" / "t" / "1" / "assets.extra" / "stellwerk.json").read_text())["inputs"]
    assert set(names) == set(FEATURES)


def test_the_first_spec_names_each_and_fits(tmp_path, rows, stellwerk):
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    done = stellwerk("init", tmp_path / "data.csv", "--target", "y", "--yes", "-o", tmp_path / "p.yaml")
    assert done.returncode == 0, done.stderr
    assert {"Age", "age", "AGE"} <= set(yaml.safe_load((tmp_path / "p.yaml").read_text())["features"])
    checked = stellwerk("check", tmp_path / "p.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
