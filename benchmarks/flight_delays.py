"""The flight-delays example on all 336,776 flights: cold, cached, and beside models without deep learning.

python benchmarks/flight_delays.py            cold and cached runs, the commands' start-up, the baselines
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import EXAMPLE, STELLWERK, Measured, measure
from recording import record, table
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler


def main() -> None:
    if not (EXAMPLE / "data").exists():
        measure([sys.executable, str(EXAMPLE / "fetch.py")], EXAMPLE)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "flight-delays"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("runs", "models"))
        cold = measure([*STELLWERK, "run", "pipeline.yaml", "--json"], project)
        cached = measure([*STELLWERK, "run", "pipeline.yaml", "--json"], project)
        run = json.loads(cold.stdout)
        examples = project / "runs" / "flight-delays" / run["run"] / "ingest" / "examples"
        evaluation = project / "runs" / "flight-delays" / run["run"] / "evaluate" / "evaluation" / "evaluation.json"
        auc = json.loads(evaluation.read_text(encoding="utf-8"))["slices"][0]["metrics"]["auc"]
        baselines = _baselines(examples)
        starts = _start_up(project)
    text = "\n\n".join([_runs(cold, cached), _steps(run), _models(auc, baselines), starts])
    record("Flight delays", "python benchmarks/flight_delays.py", text)
    print(text)


def _runs(cold: Measured, cached: Measured) -> str:
    rows = [
        [name, f"{run.wall:.1f} s", f"{run.cpu:.1f} s", f"{run.peak_pss / 2**20:,.0f} MiB"]
        for name, run in (("cold", cold), ("everything cached", cached))
    ]
    return table(["`stellwerk run`, 336,776 flights", "wall", "CPU", "peak memory (PSS)"], rows)


def _steps(run: dict[str, Any]) -> str:
    rows = [
        [
            step["name"],
            f"{step['started']:.1f} s",
            f"{step['seconds']:.1f} s",
            f"{step['cpu_seconds']:.1f} s",
            f"{step['peak_memory'] / 2**20:,.0f} MiB",
        ]
        for step in run["steps"]
    ]
    return table(["step (cold)", "starts at", "wall", "CPU", "peak memory (RSS)"], rows)


def _start_up(project: Path) -> str:
    commands = (["--help"], ["check", "pipeline.yaml"], ["compile", "pipeline.yaml", "-o", "ir.yaml"])
    spec = project / "pipeline.yaml"
    spec.write_text(spec.read_text(encoding="utf-8") + "\ncluster: {image: stellwerk}\n", encoding="utf-8")
    rows = []
    for arguments in commands:
        walls = sorted(measure([*STELLWERK, *arguments], project).wall for _ in range(5))
        rows.append([f"`stellwerk {arguments[0]}`", f"{walls[2]:.2f} s"])
    return table(["command", "median of 5"], rows)


def _baselines(examples: Path) -> list[tuple[str, float, float]]:
    train, test = _table(examples, "train"), _table(examples, "test")
    names = [name for name in train.column_names if name != "late"]
    texts = [index for index, name in enumerate(names) if pa.types.is_string(train.schema.field(name).type)]
    numbers = [index for index in range(len(names)) if index not in texts]
    x, y = _matrix(train, names), train["late"].to_numpy()
    x_test, y_test = _matrix(test, names), test["late"].to_numpy()
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    linear = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts),
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
    )
    models = {
        "logistic regression": make_pipeline(linear, LogisticRegression(max_iter=300)),
        "gradient boosting": make_pipeline(
            make_column_transformer((ordinal, texts), ("passthrough", numbers)),
            HistGradientBoostingClassifier(random_state=0),
        ),
    }
    found = []
    for name, model in models.items():
        began = time.monotonic()
        model.fit(x, y)
        found.append((name, roc_auc_score(y_test, model.predict_proba(x_test)[:, 1]), time.monotonic() - began))
    return found


def _table(examples: Path, split: str) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((examples / split).glob("*.parquet"))])


def _matrix(rows: pa.Table, names: list[str]) -> np.ndarray[Any, Any]:
    columns = [
        np.array(["" if value is None else value for value in rows[name].to_pylist()], object)
        if pa.types.is_string(rows.schema.field(name).type)
        else np.array([np.nan if value is None else value for value in rows[name].to_pylist()], object)
        for name in names
    ]
    return np.stack(columns, axis=1)


def _models(auc: float, baselines: list[tuple[str, float, float]]) -> str:
    rows = [["Stellwerk: wide & deep", f"{auc:.4f}", ""]]
    rows += [[f"scikit-learn: {name}", f"{found:.4f}", f"{seconds:.0f} s"] for name, found, seconds in baselines]
    return table(["model, same columns and same split by day", "test AUC", "fit"], rows)


if __name__ == "__main__":
    main()
