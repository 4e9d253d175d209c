"""The training section: one chart for each quantity over the epochs, train beside eval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.pipelines.report.charts import Line, Point, key, line_chart, nice_ticks
from stellwerk.pipelines.report.gathering import Report
from stellwerk.pipelines.report.judging import badness
from stellwerk.pipelines.report.reading import Curve, Missing
from stellwerk.pipelines.report.wording import measure

MARKED_EPOCHS = 40
"""Up to so many epochs every one has a mark."""


@dataclass(frozen=True)
class Chart:
    """One picture with what stands above and below it."""

    title: str
    drawn: Markup
    note: str = ""
    key: str = ""


def training_section(report: Report) -> dict[str, Any]:
    """Returns what the training template needs."""
    if isinstance(report.history, Missing):
        return {"curves": [], "training_key": ""}
    return {
        "curves": [_chart(curve) for curve in report.history if curve.train],
        "training_key": key((("train", "s0"), ("eval", "s1"))),
    }


def _chart(curve: Curve) -> Chart:
    lines = [_line("train", curve.train, "s0"), _line("eval", curve.eval, "s1")]
    epochs = len(curve.train)
    ticks = [value for value in nice_ticks(1, max(2, epochs), 6) if value >= 1 and value.is_integer()]
    ticks = sorted({1.0, *ticks, float(max(2, epochs))} - ({ticks[-1]} if ticks and ticks[-1] > epochs else set()))
    drawn = line_chart(
        [line for line in lines if line.points],
        title=f"{curve.metric} by epoch, train and eval",
        labels=("epoch", curve.metric.replace("_", " ")),
        x_ticks=_spread(ticks),
    )
    return Chart(curve.metric.replace("_", " "), drawn, _best(curve))


def _line(name: str, values: tuple[float | None, ...], style: str) -> Line:
    points: list[Point] = [
        (float(epoch), value) for epoch, value in enumerate(values, 1) if value is not None and math.isfinite(value)
    ]
    return Line(name, points, style, marks=len(values) <= MARKED_EPOCHS)


def _spread(ticks: list[float]) -> list[float]:
    """Leaves out a tick that would touch the last one."""
    if len(ticks) > 2 and ticks[-1] - ticks[-2] < (ticks[-1] - ticks[0]) / 12:
        return [*ticks[:-2], ticks[-1]]
    return ticks


def _best(curve: Curve) -> str:
    known = [
        (badness(curve.metric, value), epoch, value) for epoch, value in enumerate(curve.eval, 1) if value is not None
    ]
    if not known:
        return ""
    _, epoch, value = min(known)
    return f"best on eval: {measure(value)} in epoch {epoch}"
