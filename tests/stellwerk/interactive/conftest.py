"""One pipeline that a table of scikit-learn's runs through, done and refused, that tests share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_wine

import stellwerk

SPEC = """\
name: wine
data:
  sources: {wines: nowhere.parquet}
  split: {by: hash, train: 0.6, eval: 0.2, test: 0.2}
features:
  alcohol: {type: number}
  flavanoids: {type: number}
  color_intensity: {type: number}
  colour: {type: category}
target: {column: grape, type: multiclass}
model: {type: dense, hidden: [8]}
train: {epochs: 4, batch_size: 16, optimizer: {type: adam, learning_rate: 0.05}}
evaluate: {slices: [[colour]]}
push: {to: models}
"""


@dataclass(frozen=True)
class Wines:
    """A spec, its table, and two runs of it."""

    spec: Path
    table: pd.DataFrame
    done: stellwerk.Result
    refused: stellwerk.Result


def wine_table() -> pd.DataFrame:
    table = load_wine(as_frame=True).frame
    table["grape"] = table.pop("target").map({0: "barolo", 1: "grignolino", 2: "barbera"})
    table["colour"] = (table["color_intensity"] > 5).map({True: "deep", False: "pale"}).astype("category")
    return table


@pytest.fixture(scope="session")
def wines(tmp_path_factory: pytest.TempPathFactory) -> Wines:
    spec = tmp_path_factory.mktemp("wines") / "wine.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    table = wine_table()
    done = stellwerk.run(spec, data=table)
    asked = stellwerk.load(spec, ["evaluate.require={log_loss: {max: 0.0001}}"])
    return Wines(spec, table, done, stellwerk.run(asked, data={"wines": table}))
