"""Numbers that the dashboard of Kubeflow Pipelines draws itself: scalars, ROC curves and confusion matrices.

They travel as an artifact's metadata, where neither null nor NaN nor infinity can be: what has no value is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stellwerk.report.charts import thinned
from stellwerk.report.dataset import Data
from stellwerk.report.judging import Evaluation
from stellwerk.report.reading import History
from stellwerk.report.rehearsed import Rehearsal

MOST_POINTS = 60
"""Of a curve: metadata travel with the artifact to every step that reads it, on the command line of its pod."""
MOST_CLASSES = 30
"""Larger confusion matrices are left to the page: the dashboard's cells would be too small to read."""


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the values that are numbers a dashboard can show, as floats."""
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def data_scalars(data: Data) -> dict[str, float]:
    """Returns how many rows were read, set aside, and written to each split."""
    splits = {f"{split}_rows": rows for split, rows in data.rows.items()}
    return finite({"read_rows": data.read, "quarantined_rows": data.quarantined, **splits})


def training_scalars(history: History) -> dict[str, float]:
    """Returns the last value of every curve, and how long training took."""
    last: dict[str, Any] = {}
    for curve in history.curves:
        for name, values in ((curve.metric, curve.train), (f"eval_{curve.metric}", curve.eval)):
            if values:
                last[name] = values[-1]
    return finite(
        {
            **last,
            "epochs": history.epochs,
            "best_epoch": history.best_epoch,
            "linear_share": None if history.mixed is None else history.mixed.linear_share,
            "parameters": history.parameters,
            "seconds": history.seconds,
            "rows_per_second": history.rows_per_second,
        }
    )


def evaluation_scalars(evaluation: Evaluation) -> dict[str, float]:
    """Returns the metrics on the whole test split."""
    whole = evaluation.slices[0].metrics if evaluation.slices else {}
    return finite({**whole, "examples": evaluation.examples})


def rehearsal_scalars(rehearsal: Rehearsal) -> dict[str, float]:
    """Returns what was measured of the server; nothing where none was started."""
    measured = rehearsal.measurements
    if measured is None:
        return {}
    asked, compared = measured.latency, measured.compared
    return finite(
        {
            "p50_ms": None if asked is None else asked.p50_ms,
            "p99_ms": None if asked is None else asked.p99_ms,
            "throughput": None if asked is None else asked.throughput,
            "failed_requests": None if asked is None else asked.failed,
            "differing_answers": None if compared is None else compared.differing,
            "startup_seconds": measured.startup_seconds,
            "memory": measured.memory,
            "model_size": measured.model_size,
        }
    )


def classification(evaluation: Evaluation) -> dict[str, Any]:
    """Returns `confidenceMetrics` and `confusionMatrix` as the dashboard reads them from a ClassificationMetrics artifact.

    A row of the matrix is a true class. Empty for a regression.
    """
    found: dict[str, Any] = {}
    curves, matrix = evaluation.curves, evaluation.confusion
    if curves.roc and len(curves.roc) == len(curves.thresholds):
        points = thinned([(*point, at) for point, at in zip(curves.roc, curves.thresholds, strict=True)], MOST_POINTS)
        found["confidenceMetrics"] = [
            {"falsePositiveRate": round(x, 5), "recall": round(y, 5), "confidenceThreshold": round(threshold, 5)}
            for x, y, threshold in points
            if all(map(math.isfinite, (x, y, threshold)))
        ]
    if matrix is not None and 0 < len(matrix.classes) <= MOST_CLASSES:
        found["confusionMatrix"] = {
            "annotationSpecs": [{"displayName": name} for name in matrix.classes],
            "rows": [{"row": [float(value) for value in row]} for row in matrix.counts],
        }
    return found
