"""The evaluation section: curves, confusion matrix, metrics by slice."""

from __future__ import annotations

from typing import Any

from stellwerk.pipelines.report.charts import Line, confusion, line_chart
from stellwerk.pipelines.report.gathering import Report
from stellwerk.pipelines.report.judging import Confusion, Curves
from stellwerk.pipelines.report.reading import Missing
from stellwerk.pipelines.report.slices import headline_metric, table, worst
from stellwerk.pipelines.report.training import Chart
from stellwerk.pipelines.report.wording import measure

UNIT = [0.0, 0.25, 0.5, 0.75, 1.0]


def evaluation_section(report: Report) -> dict[str, Any]:
    """Returns what the evaluation template needs."""
    evaluation = report.evaluation
    if isinstance(evaluation, Missing) or not evaluation.slices:
        return {"charts": [], "slices": (), "worst": (), "worst_ends": (0, 1), "metric": "", "least": 1, "overall": ""}
    metric = headline_metric(evaluation, report.blessing) or ""
    asked = report.setting("evaluate", "min_slice_size")
    least = asked if isinstance(asked, int) else 1
    rows, ends = worst(evaluation, metric, least)
    return {
        "charts": _charts(evaluation.curves, evaluation.confusion),
        "slices": table(evaluation),
        "worst": rows,
        "worst_ends": ends,
        "metric": metric,
        "least": least,
        "overall": measure(evaluation.slices[0].metrics.get(metric)),
    }


def _charts(curves: Curves, matrix: Confusion | None) -> list[Chart]:
    found = []
    if curves.roc:
        found.append(_roc(curves))
    if curves.pr:
        drawn = line_chart(
            [Line("model", curves.pr)],
            title="Precision by recall",
            labels=("recall", "precision"),
            x_ticks=UNIT,
            y_ticks=UNIT,
        )
        found.append(Chart("Precision and recall", drawn))
    if curves.calibration:
        found.append(_calibration(curves))
    if matrix is not None and matrix.classes:
        drawn = confusion(matrix.classes, matrix.counts, title="Confusion matrix: true class by predicted class")
        found.append(Chart("Confusion matrix", drawn, "shaded by the share of the true class"))
    return found


def _roc(curves: Curves) -> Chart:
    drawn = line_chart(
        [Line("model", curves.roc)],
        title="ROC curve: true positive rate by false positive rate",
        labels=("false positive rate", "true positive rate"),
        x_ticks=UNIT,
        y_ticks=UNIT,
        reference=[(0, 0), (1, 1)],
    )
    return Chart("ROC curve", drawn, "dotted: guessing")


def _calibration(curves: Curves) -> Chart:
    points = [(entry.mean_prediction, entry.mean_label) for entry in curves.calibration]
    values = [value for point in points for value in point]
    unit = UNIT if min(values) >= 0 and max(values) <= 1 else None
    low, high = (0.0, 1.0) if unit else (min(values), max(values))
    drawn = line_chart(
        [Line("model", points, marks=True)],
        title="Calibration: mean label by mean prediction",
        labels=("mean prediction", "mean label"),
        x_ticks=unit,
        y_ticks=unit,
        reference=[(low, low), (high, high)],
    )
    return Chart("Calibration" if unit else "Predicted and actual", drawn, "dotted: perfect")
