"""Forecasts in the evaluation section: errors by step ahead, and what was forecast beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from stellwerk.report.charts import Line, Point, line_chart
from stellwerk.report.judging import Evaluation, Forecast
from stellwerk.report.training import Chart
from stellwerk.report.wording import clipped

STYLES = ("s0", "s1", "s2")
A_DAY = 86_400
"""Moments are shown where they are so large: smaller ones are numbers of something else."""


def forecast_charts(evaluation: Evaluation) -> list[Chart]:
    """Returns a chart of the errors by step, and one of each forecast that was kept; none where nothing was forecast."""
    found = []
    own = evaluation.horizon.get("mae", ())
    if len(own) > 1:
        found.append(_by_step(own, {name: errors["mae"] for name, errors in evaluation.beside.items()}))
    if evaluation.forecasts is not None:
        quantiles = evaluation.forecasts.quantiles
        found += [_forecast(one, quantiles) for one in evaluation.forecasts.shown]
    return found


def _by_step(own: Sequence[float], others: dict[str, Sequence[float]]) -> Chart:
    every = {"model": own, **{name.replace("_", " "): errors for name, errors in others.items()}}
    lines = [
        Line(name, [(step, value) for step, value in enumerate(values, 1)], style)
        for (name, values), style in zip(every.items(), STYLES, strict=False)
    ]
    drawn = line_chart(lines, title="mean absolute error by step ahead", labels=("steps ahead", "MAE"))
    return Chart("Error by step ahead", drawn, f"from the front: {', '.join(every)}")


def _forecast(one: Forecast, quantiles: Sequence[float]) -> Chart:
    """The forecast begins where the past ends; of quantiles the outermost are drawn too."""
    last = [(0.0, one.past[-1])] if one.past and one.past[-1] is not None else []
    past = _points(one.past, 1 - len(one.past))
    middle = one.forecast[len(one.forecast) // 2]
    lines = [
        Line("past and truth", [*past, *_points(one.truth, 1)], "s0"),
        Line("forecast", [*_numbers(last), *_points(middle, 1)], "s1"),
    ]
    note = "solid: past and truth; the other: forecast"
    if len(one.forecast) > 1:
        ends = ((quantiles[0], one.forecast[0]), (quantiles[-1], one.forecast[-1]))
        lines += [Line(f"quantile {level:g}", _points(values, 1), "s2") for level, values in ends]
        note += f", with the quantiles {quantiles[0]:g} and {quantiles[-1]:g}"
    name = " · ".join(part for part in (clipped(one.series, 40), _moment(one.moment)) if part) or "forecast"
    return Chart(
        name, line_chart(lines, title=f"forecast and truth: {name}", labels=("steps from then", "value")), note
    )


def _points(values: Sequence[float | None], first: int) -> list[Point]:
    return _numbers([(float(first + place), value) for place, value in enumerate(values)])


def _numbers(points: Sequence[tuple[float, float | None]]) -> list[Point]:
    return [(place, value) for place, value in points if value is not None]


def _moment(moment: float | None) -> str:
    if moment is None:
        return ""
    if moment < 1000 * A_DAY:
        return f"{moment:g}"
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"
