"""How good the defaults are: twenty public tables, five splits each, with neither `model` nor `train` in the spec.

    python benchmarks/defaults.py --record          about half an hour
    python benchmarks/defaults.py --seeds 1 --tables iris titanic

Beside scikit-learn's linear model and HistGradientBoosting and LightGBM, on the same rows. Packages with tables are installed into
`build/tables` on the first call.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

HERE = Path(__file__).parent
BESIDE = HERE.parent / "build" / "tables"
sys.path[:0] = [str(HERE / "tables"), str(BESIDE)]

import numpy as np
import yaml
from measuring import STELLWERK, Measured, measure
from plotting import dots
from recording import record, table
from sets import PACKAGES, TABLES, Table, load

PICTURE = HERE.parent / "docs" / "images" / "defaults.svg"
OURS, SPLIT = "Stellwerk", "split of the benchmark"
NEAR = 0.98
"""As good as the best: at least so much of its metric."""


@dataclass
class Found:
    """What was measured of one table."""

    rows: int
    kind: str
    metric: str
    scores: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def means(self) -> dict[str, float]:
        """The metric of each model, over the splits."""
        return {name: mean(values) for name, values in self.scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", choices=list(TABLES), default=list(TABLES), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5, help="splits of each table")
    parser.add_argument("--record", action="store_true", help="write docs/benchmarks.md and its picture")
    asked = parser.parse_args()
    if not BESIDE.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(BESIDE), *PACKAGES]
        subprocess.run(pip, check=True)
        importlib.invalidate_caches()
    found = {name: _measured(name, asked.seeds) for name in asked.tables}
    text = _text(found)
    print(text)
    if asked.record:
        dots(PICTURE, "Defaults beside other models, as a share of the best", _points(found))
        command = f"python benchmarks/defaults.py --seeds {asked.seeds} --record"
        record("Defaults on small tables", command, f"{text}\n\n![](images/defaults.svg)")


def _measured(name: str, seeds: int) -> Found:
    from rivals import METRIC, scores, trivial  # noqa: PLC0415 - LightGBM is there by now

    data = load(name)
    found = Found(len(data.rows), data.kind, METRIC[data.kind])
    for seed in range(seeds):
        split = np.random.default_rng(seed).permutation(_dealt(len(data.rows)))
        said = {**scores(data, split, seed), "trivial": trivial(data.kind, data.rows[data.target])}
        said[OURS], took = _ours(data, split)
        for model, value in said.items():
            found.scores.setdefault(model, []).append(value)
        found.seconds.append(took.wall)
        found.cpu.append(took.cpu)
    print(
        name,
        {model: round(value, 4) for model, value in found.means.items()},
        f"{median(found.seconds):.1f} s",
        flush=True,
    )
    return found


def _dealt(rows: int) -> np.ndarray[Any, Any]:
    train, upto = int(0.8 * rows), int(0.9 * rows)
    return np.array(["train"] * train + ["eval"] * (upto - train) + ["test"] * (rows - upto))


def _ours(data: Table, split: np.ndarray[Any, Any]) -> tuple[float, Measured]:
    """Returns the metric of the test split, and what the whole command took, with nothing in any cache."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-defaults-") as folder:
        data.rows.assign(**{SPLIT: split}).to_csv(Path(folder, "data.csv"), index=False)
        spec = {
            "name": "defaults",
            "data": {"sources": {"rows": "data.csv"}, "split": {"by": "column", "column": SPLIT}},
            "validate": {"on_anomaly": "warn"},
            "features": {name: {"type": kind} for name, kind in data.columns.items()},
            "target": {"column": data.target, "type": data.kind},
            "evaluate": {"over": "nothing"},
            "push": {"to": "models"},
        }
        if data.kind == "regression":
            spec["evaluate"] |= {"metrics": ["rmse", "r2"]}
        Path(folder, "pipeline.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
        took = measure([*STELLWERK, "run", "pipeline.yaml"], cwd=Path(folder))
        (written,) = Path(folder).glob("runs/*/*/evaluate/evaluation/evaluation.json")
        metrics = json.loads(written.read_text())["slices"][0]["metrics"]
        return float(metrics[{"binary": "auc", "multiclass": "accuracy", "regression": "r2"}[data.kind]]), took


def _text(found: dict[str, Found]) -> str:
    models = [OURS, "linear", "HistGradientBoosting", "LightGBM", "trivial"]
    rows = []
    for name, one in found.items():
        best = max(one.means.values())
        cells = [f"**{value:.3f}**" if value >= best - 5e-4 else f"{value:.3f}" for value in map(one.means.get, models)]
        rows.append(
            (name, f"{one.rows:,}", one.metric, *cells, f"{median(one.seconds):.0f} s", f"{median(one.cpu):.0f} s")
        )
    trees = sum(one.means[OURS] >= one.means["HistGradientBoosting"] for one in found.values())
    near = sum(one.means[OURS] >= NEAR * max(one.means.values()) for one in found.values())
    above = sum(one.means[OURS] > one.means["trivial"] for one in found.values())
    several = max((len(one.seconds) for one in found.values()), default=0)
    splits = "one deal of the rows" if several == 1 else f"{several} deals of the rows"
    said = (
        f"At least as good as HistGradientBoosting on {trees} of {len(found)} tables, within 2 % of the best on {near}, better "
        f"than trivial on {above}. Means over {splits}; a train, eval and test split of 80, 10 and 10 % for all, only "
        "Stellwerk looks at eval. Seconds are those of the whole command, from the file to the pushed model."
    )
    header = ("table", "rows", "metric", *models, "time", "CPU")
    return f"{table(header, rows)}\n\n{said}"


def _points(found: dict[str, Found]) -> list[tuple[str, dict[str, float]]]:
    """Returns each model's metric as a share of the best one's, by table; what is below a half is drawn there."""
    shares = []
    for name, one in found.items():
        best = max(one.means.values())
        kept = {model: value for model, value in one.means.items() if model != "trivial"}
        shares.append((name, {model: max(0.5, value / best) for model, value in kept.items()}))
    return shares


if __name__ == "__main__":
    main()
