"""The evaluation section: curves, confusion matrix, metrics by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stellwerk.report.charts import Line, Point, line_chart
from stellwerk.report.explaining import explanation
from stellwerk.report.forecasting import forecast_charts
from stellwerk.report.gathering import Report
from stellwerk.report.judging import Confusion, Curves, Evaluation, Grid, Regression, Slice
from stellwerk.report.matrices import confusion, grid
from stellwerk.report.reading import Missing
from stellwerk.report.slices import headline_metric, table, worst
from stellwerk.report.training import Chart
from stellwerk.report.variants import variant_rows
from stellwerk.report.wording import clipped, measure, several

UNIT = [0.0, 0.25, 0.5, 0.75, 1.0]


def evaluation_section(report: Report, most: int | None = None) -> dict[str, Any]:
    """Returns what the evaluation template needs; of more than `most` slices those with the most examples."""
    evaluation = report.evaluation
    if isinstance(evaluation, Missing) or not evaluation.slices:
        nothing: dict[str, Any] = {"charts": [], "slices": (), "worst": (), "worst_ends": (0, 1), "residuals": []}
        nothing |= {"metrics": [], "metric": "", "least": 1, "overall": "", "variants": [], "slices_left_out": 0}
        return {**nothing, "beside": [], "slice_example": "", **explanation(None, ())}
    metric = headline_metric(evaluation, report.blessing) or ""
    asked = report.setting("evaluate", "min_slice_size")
    least = asked if isinstance(asked, int) else 1
    metrics = ordered(evaluation, report.setting("evaluate", "metrics"), metric)
    rows, ends = worst(evaluation, metric, least)
    return {
        "charts": _charts(evaluation),
        "metrics": metrics,
        "slices": table(evaluation, metrics, most),
        "slice_example": clipped(next((entry.label for entry in evaluation.slices if entry.slice), "a slice"), 24),
        "slices_left_out": 0 if most is None else max(0, len(evaluation.slices) - most),
        "worst": rows,
        "worst_ends": ends,
        "residuals": _residuals(evaluation.regression),
        "metric": metric,
        "least": least,
        "beside": beside(evaluation, metrics),
        "variants": variant_rows(evaluation.variants, metrics),
        **explanation(evaluation, _columns(report)),
        "overall": measure(evaluation.slices[0].metrics.get(metric)),
    }


def _columns(report: Report) -> tuple[str, ...]:
    """The columns in the order of the data, for rows that are shown."""
    return () if isinstance(report.data, Missing) else tuple(report.data.columns)


@dataclass(frozen=True)
class Beside:
    """One line of the table in which the model stands beside what it has to be better than."""

    name: str
    cells: tuple[tuple[str, str], ...]
    """Value, and where it lies with 95 % confidence, of each metric."""


def beside(evaluation: Evaluation, metrics: Sequence[str]) -> list[Beside]:
    """Returns the model, the last blessed one and the baselines, as far as they were measured; nothing for a model alone."""
    whole = evaluation.slices[0]
    rows = [Beside("model", tuple((measure(whole.metrics.get(name)), _interval(whole, name)) for name in metrics))]
    others = {
        "last blessed": whole.baseline,
        **{name.replace("_", " "): evaluation.baselines[name] for name in reversed(list(evaluation.baselines))},
    }
    rows += [Beside(name, tuple((measure(of.get(one)), "") for one in metrics)) for name, of in others.items() if of]
    return rows if len(rows) > 1 or whole.intervals else []


def _interval(whole: Slice, metric: str) -> str:
    found = whole.intervals.get(metric)
    return f"{measure(found[0])} to {measure(found[1])}" if found else ""


def ordered(evaluation: Evaluation, asked: Any, first: str) -> list[str]:
    """Returns the metrics as the spec lists them, else with the most important one first."""
    known = evaluation.metrics
    wanted = [name for name in asked if name in known] if isinstance(asked, list) else [first]
    return list(dict.fromkeys((*wanted, *known)))


def _charts(evaluation: Evaluation) -> list[Chart]:
    found = []
    curves, matrix = evaluation.curves, evaluation.confusion
    if curves.roc:
        found.append(_roc(curves))
    if curves.pr:
        found.append(_precision(curves, matrix))
    if evaluation.regression is not None:
        found.append(_predicted(evaluation.regression.histogram))
    if curves.calibration:
        found.append(_calibration(curves))
    if matrix is not None and matrix.classes:
        found.append(_confusion(matrix))
    return [*found, *forecast_charts(evaluation)]


def _precision(curves: Curves, matrix: Confusion | None) -> Chart:
    """The dotted line is what guessing reaches: the share of positives."""
    reference: list[Point] = []
    if matrix is not None and len(matrix.classes) == 2 and (total := sum(map(sum, matrix.counts))):
        positive = sum(matrix.counts[1]) / total
        reference = [(0, positive), (1, positive)]
    drawn = line_chart(
        [Line("model", curves.pr)],
        title="Precision by recall",
        labels=("recall", "precision"),
        x_ticks=UNIT,
        y_ticks=UNIT,
        reference=reference,
    )
    return Chart("Precision and recall", drawn, "dotted: guessing" if reference else "")


def _confusion(matrix: Confusion) -> Chart:
    drawn = confusion(matrix.classes, matrix.counts, title="Confusion matrix: true class by predicted class")
    notes = []
    if matrix.threshold is not None:
        notes.append(f"positive from {matrix.threshold:g}")
    if matrix.classes_left_out:
        notes.append(f"{several(matrix.classes_left_out, 'rarer class', 'rarer classes')} left out")
    return Chart("Confusion matrix", drawn, ", ".join(notes))


def _predicted(histogram: Grid) -> Chart:
    drawn = grid(
        (histogram.predicted_edges, histogram.actual_edges),
        histogram.counts,
        title="Actual by predicted value, shaded by the number of examples",
        labels=("predicted", "actual"),
    )
    return Chart("Predicted and actual", drawn, "dotted: perfect")


RESIDUALS = {"mean": "mean", "deviation": "standard deviation", "p05": "5 % quantile", "p25": "25 % quantile"}
RESIDUALS |= {"p50": "median", "p75": "75 % quantile", "p95": "95 % quantile"}


def _residuals(regression: Regression | None) -> list[tuple[str, str]]:
    known = regression.residuals if regression is not None else {}
    return [
        (name, measure(value))
        for found, name in RESIDUALS.items()
        if isinstance(value := known.get(found), (int, float))
    ]


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
    return Chart("Calibration", drawn, "dotted: perfect")
