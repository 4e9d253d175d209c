"""What a data scientist would try first on a table: a linear model and two of boosted trees, each as it comes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
from sets import Table
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

METRIC = {"binary": "auc", "multiclass": "accuracy", "regression": "r2"}


def trivial(kind: str, answers: pd.Series) -> float:
    """Returns the metric of a model that answers the same for every row."""
    return {"binary": 0.5, "multiclass": float(answers.value_counts(normalize=True).max()), "regression": 0.0}[kind]


def scores(table: Table, split: np.ndarray[Any, Any], seed: int) -> dict[str, float]:
    """Learns from the rows whose `split` is train, and returns the metric on those of test, by model."""
    names = list(table.columns)
    numbers = [name for name in names if table.columns[name] == "number"]
    texts = [name for name in names if name not in numbers]
    features, answers = table.rows[names], table.rows[table.target]
    if table.kind == "binary":
        answers = (answers == sorted(answers.unique(), key=str)[-1]).astype(int)
    train, test = split == "train", split == "test"
    found = {}
    for name, model in _models(table.kind, numbers, texts, seed).items():
        given = features
        if name != "linear":
            given = features.astype(dict.fromkeys(texts, "category"))
        model.fit(given[train], answers[train])
        found[name] = _score(table.kind, model, given[test], answers[test])
    return found


def _models(kind: str, numbers: list[str], texts: list[str], seed: int) -> dict[str, Any]:
    lightgbm = importlib.import_module("lightgbm")
    regression = kind == "regression"
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    )
    linear = RidgeCV(np.logspace(-2, 3, 12)) if regression else LogisticRegression(max_iter=2000)
    trees = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    light = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
    return {
        "linear": make_pipeline(prepared, linear),
        "HistGradientBoosting": trees(categorical_features=texts, random_state=seed),
        "LightGBM": light(random_state=seed, verbose=-1, n_jobs=2),
    }


def _score(kind: str, model: Any, features: pd.DataFrame, answers: pd.Series) -> float:
    if kind == "binary":
        return float(roc_auc_score(answers, model.predict_proba(features)[:, 1]))
    return float((accuracy_score if kind == "multiclass" else r2_score)(answers, model.predict(features)))
