"""Every standard metric equals TFMA's own on the same predictions, on the whole split and on every slice."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2

from stellwerk.components.evaluation.slices import MISSING
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.tensors import inputs_from_batch

pytestmark = [
    pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered in:RuntimeWarning"),
]
"""TFMA's own habits: it divides by the counts of one-class slices."""

SLICES = [["carrier"], ["hour", "carrier"]]

BINARY = [
    {"class_name": "AUC", "config": {"name": "auc"}},
    {"class_name": "AUCPrecisionRecall", "config": {"name": "auc_pr"}},
    {"class_name": "BinaryAccuracy", "config": {"name": "accuracy", "threshold": 0.4}},
    {"class_name": "Precision", "config": {"name": "precision", "thresholds": 0.4}},
    {"class_name": "Recall", "config": {"name": "recall", "thresholds": 0.4}},
    {"class_name": "F1Score", "config": {"name": "f1", "thresholds": 0.4}},
    {"class_name": "BinaryCrossEntropy", "config": {"name": "log_loss"}},
    {"class_name": "Calibration"},
    {"class_name": "MeanPrediction"},
    {"class_name": "MeanLabel"},
]
REGRESSION = [
    {"class_name": "MeanSquaredError", "config": {"name": "mse"}},
    {"class_name": "MeanAbsoluteError", "config": {"name": "mae"}},
    {"class_name": "RootMeanSquaredError", "config": {"name": "rmse"}},
    {"class_name": "Calibration"},
    {"class_name": "MeanPrediction"},
    {"class_name": "MeanLabel"},
]


def _frame(rows: pa.Table, label: Any, prediction: Any) -> pd.DataFrame:
    carrier = [value or MISSING for value in rows["carrier"].to_pylist()]
    hour = [MISSING if value is None else str(value) for value in rows["hour"].to_pylist()]
    return pd.DataFrame({"carrier": carrier, "hour": hour, "label": label, "prediction": prediction})


def _tfma(frame: pd.DataFrame, specs: list[dict[str, Any]]) -> dict[Any, dict[str, float]]:
    """Returns TFMA's metrics by slice (column and value as text) and name."""
    specs = [
        {**spec, "metrics": [{**m, "config": json.dumps(m.get("config", {}))} for m in spec["metrics"]]}
        for spec in specs
    ]
    slicing = [{}, *({"feature_keys": columns} for columns in SLICES)]
    config = json_format.ParseDict(
        {"model_specs": [{"label_key": "label", "prediction_key": "prediction"}], "metrics_specs": specs}
        | {"slicing_specs": slicing, "options": {"include_default_metrics": False}},
        config_pb2.EvalConfig(),
    )
    result = tfma.analyze_raw_data(frame, eval_config=config)
    return {_text(key): _values(metrics[""][""]) for key, metrics in result.slicing_metrics}


def _text(key: Any) -> Any:
    return frozenset((column, str(value)) for column, value in key)


def _values(metrics: dict[str, Any]) -> dict[str, float]:
    return {name.rpartition("\n_")[2]: float(value.get("doubleValue", math.nan)) for name, value in metrics.items()}


def _predictions(model_path: Any, rows: pa.Table, output: str) -> np.ndarray:
    with LoadedModel(model_path) as model:
        (batch,) = rows.combine_chunks().to_batches()
        return model.predict(inputs_from_batch(batch, model.inputs))[output]


def _assert_equal(done: Any, expected: Any, metrics: list[str]) -> None:
    written = {_text(tuple(row["slice"].items())): row["metrics"] for row in done.evaluation["slices"]}
    assert written.keys() == expected.keys()
    assert len(written) > 20
    for key, values in expected.items():
        for name in metrics:
            ours = math.nan if written[key][name] is None else written[key][name]
            assert ours == pytest.approx(values[name], rel=1e-6, abs=1e-6, nan_ok=True), (key, name)


def test_binary_metrics_equal_tfmas(run, rows, models):
    names = [spec.get("config", {}).get("name") or spec["class_name"] for spec in BINARY]
    names = [{"MeanPrediction": "mean_prediction", "MeanLabel": "mean_label"}.get(name, name.lower()) for name in names]
    done = run("binary", {"metrics": names, "slices": SLICES, "threshold": 0.4})
    label = (np.array(rows["binary"]) == "yes").astype(np.float32)
    prediction = _predictions(models["binary"], rows, "probabilities")[:, 0]
    expected = _tfma(_frame(rows, label, prediction), [{"metrics": BINARY}])
    for values in expected.values():
        if values["mean_label"] in (0.0, 1.0):
            values["auc"] = math.nan
            values["auc_pr"] = math.nan if values["mean_label"] == 0.0 else values["auc_pr"]
    _assert_equal(done, expected, names)


def test_regression_metrics_equal_tfmas(run, rows, models):
    names = ["mse", "mae", "rmse", "calibration", "mean_prediction", "mean_label", "r2"]
    done = run("regression", {"metrics": names, "slices": SLICES})
    label = np.array(rows["regression"])
    prediction = _predictions(models["regression"], rows, "predictions")[:, 0]
    frame = _frame(rows, label, prediction)
    expected = _tfma(frame, [{"metrics": REGRESSION}])
    for key, values in expected.items():
        inside = np.all([frame[column] == value for column, value in key] or [np.ones(len(frame), bool)], axis=0)
        spread = label[inside].astype(np.float64).var()
        values["r2"] = 1 - values["mse"] / spread if spread > 0 else math.nan
    _assert_equal(done, expected, names)


def test_multiclass_metrics_equal_tfmas(run, rows, models):
    """Macro precision, recall and F1 are TFMA's own over the chosen class, on slices where every class occurs."""
    names = ["accuracy", "log_loss", "auc", "auc_pr", "precision", "recall", "f1"]
    done = run("multiclass", {"metrics": names, "slices": SLICES})
    label = np.searchsorted(["a", "b", "c"], np.array(rows["multiclass"]))
    probabilities = _predictions(models["multiclass"], rows, "probabilities")
    ranks = [
        {"class_name": "AUC", "config": {"name": "auc"}},
        {"class_name": "AUCPrecisionRecall", "config": {"name": "auc_pr"}},
    ]
    plain = [
        {"class_name": "SparseCategoricalAccuracy", "config": {"name": "accuracy"}},
        {"class_name": "SparseCategoricalCrossentropy", "config": {"name": "log_loss"}},
    ]
    specs = [{"metrics": plain}, {"metrics": ranks, "aggregate": {"micro_average": True}}]
    expected = _tfma(_frame(rows, label, list(probabilities)), specs)
    chosen = list(np.eye(3, dtype=np.float32)[probabilities.argmax(axis=1)])
    by_class = [{"class_name": c, "config": {"name": n, "thresholds": 0.5}} for n, c in MACRO.items()]
    aggregate = {"macro_average": True, "class_weights": {"0": 1.0, "1": 1.0, "2": 1.0}}
    macro = _tfma(_frame(rows, label, chosen), [{"metrics": by_class, "aggregate": aggregate}])
    _assert_equal(done, expected, names[:4])
    compared = 0
    for row in done.evaluation["slices"]:
        theirs = macro[_text(tuple(row["slice"].items()))]
        for name in MACRO:
            value = theirs[name]
            if math.isfinite(value):
                compared += 1
                assert row["metrics"][name] == pytest.approx(value, rel=1e-6), (row["slice"], name)
    assert compared >= 15


MACRO = {"precision": "Precision", "recall": "Recall", "f1": "F1Score"}
