"""Metrics by slice as the page shows them: a table with bars, and the slices on which the model is worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stellwerk.metrics import HEADLINES, badness
from stellwerk.report.charts import Scale, nice_ticks, tag
from stellwerk.report.judging import Blessing, Evaluation, Slice
from stellwerk.report.reading import Missing
from stellwerk.report.wording import NOTHING, measure, signed

WORST = 12


@dataclass(frozen=True)
class Cell:
    """One metric on one slice: what is written, what it is sorted by, and its bar."""

    text: str
    sort: float | None
    bar: Markup
    """Distance from the whole test split: to the right above it, to the left below it."""
    change: str = ""
    """Difference to the last blessed model."""
    better: bool | None = None


@dataclass(frozen=True)
class Row:
    """One slice in the table."""

    slice: Slice
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Worst:
    """One row of the dot plot of the worst slices."""

    slice: Slice
    value: str
    change: str
    drawn: Markup


def headline_metric(evaluation: Evaluation, blessing: Blessing | Missing) -> str | None:
    """Returns the metric that matters most: the first that is required, else the usual one."""
    asked = [] if isinstance(blessing, Missing) else [entry.metric for entry in blessing.requirements]
    known = evaluation.metrics
    return next((name for name in (*asked, *HEADLINES, *known) if name in known), None)


def table(evaluation: Evaluation, metrics: Sequence[str], most: int | None = None) -> tuple[Row, ...]:
    """Returns every slice with its `metrics`; the bars of a column share one scale around the whole test split.

    Of more than `most` slices those with the most examples, in the order of the evaluation.
    """
    scales = {metric: _spread(evaluation, metric) for metric in metrics}
    places = list(range(len(evaluation.slices)))
    if most is not None and len(places) > most:
        places = sorted(sorted(places, key=lambda place: -evaluation.slices[place].examples)[:most])
    rows = (evaluation.slices[place] for place in places)
    return tuple(Row(entry, tuple(_cell(entry, metric, *scales[metric]) for metric in metrics)) for entry in rows)


def _spread(evaluation: Evaluation, metric: str) -> tuple[float | None, float]:
    """Returns the value on the whole split and the largest distance from it."""
    whole = evaluation.slices[0].metrics.get(metric)
    values = [value for entry in evaluation.slices if (value := entry.metrics.get(metric)) is not None]
    return whole, max((abs(value - whole) for value in values), default=0.0) if whole is not None else 0.0


def _cell(entry: Slice, metric: str, whole: float | None, spread: float) -> Cell:
    value = entry.metrics.get(metric)
    if value is None or not math.isfinite(value):
        return Cell(NOTHING, None, Markup(""))
    away = value - whole if whole is not None else 0.0
    bar = Markup("")
    if entry.slice and whole is not None and spread:
        bar = _deviation(away / spread, worse=badness(metric, value) > badness(metric, whole))
    before = (entry.baseline or {}).get(metric)
    if before is None:
        return Cell(measure(value), value, bar)
    return Cell(measure(value), value, bar, signed(value - before), gained(metric, value, before))


def gained(metric: str, value: float, before: float) -> bool | None:
    """Says whether `value` is better than `before`; None when they are equal."""
    return None if value == before else badness(metric, value) < badness(metric, before)


def worst(evaluation: Evaluation, metric: str, least: int) -> tuple[tuple[Worst, ...], tuple[float, float]]:
    """Returns the slices with at least `least` examples on which `metric` is worst, and the ends of their axis."""
    whole = evaluation.slices[0].metrics.get(metric) if evaluation.slices else None
    if whole is None:
        return (), (0.0, 1.0)
    known = [(entry, value) for entry in evaluation.slices[1:] if (value := entry.metrics.get(metric)) is not None]
    known = [pair for pair in known if pair[0].examples >= least]
    chosen = sorted(known, key=lambda pair: -badness(metric, pair[1]))[:WORST]
    values = [value for _, value in chosen] + [whole]
    values += [before for entry, _ in chosen if (before := (entry.baseline or {}).get(metric)) is not None]
    ticks = nice_ticks(min(values), max(values), 4)
    low, high = ticks[0], ticks[-1]
    return tuple(_worst(entry, metric, value, whole, (low, high)) for entry, value in chosen), (low, high)


def _worst(entry: Slice, metric: str, value: float, whole: float, ends: tuple[float, float]) -> Worst:
    before = (entry.baseline or {}).get(metric)
    change = signed(value - before) if before is not None else ""
    return Worst(entry, measure(value), change, _sticks(*ends, value, whole, before))


def _sticks(low: float, high: float, value: float, reference: float, baseline: float | None) -> Markup:
    """Draws one row of a dot plot in percent of the row's width: a stick from the reference to the value, and the baseline."""
    scale = Scale(low, high, 2, 98)
    at, base = f"{scale(value):.2f}%", f"{scale(reference):.2f}%"
    parts = [tag("line", class_="reference", x1=base, x2=base, y1=0, y2=24)]
    if baseline is not None:
        parts.append(tag("circle", class_="hollow", cx=f"{scale(baseline):.2f}%", cy=12, r=4))
    parts.append(tag("line", class_="stick", x1=base, x2=at, y1=12, y2=12))
    parts.append(tag("circle", class_="point s0", cx=at, cy=12, r=4.5))
    return tag("svg", *parts, class_="sticks", width="100%", height=24, aria_hidden="true")


def _deviation(part: float, *, worse: bool) -> Markup:
    """Draws a bar from the middle: to the right for a positive part (up to 1), to the left for a negative one."""
    width = 50 * min(1.0, abs(part))
    left = 50.0 if part > 0 else 50.0 - width
    bar = tag("rect", class_=f"bar {'s1' if worse else 's0'}", x=f"{left:.1f}%", width=f"{width:.1f}%", height=4)
    middle = tag("line", class_="axis", x1="50%", x2="50%", y1=0, y2=6)
    return tag("svg", bar, middle, class_="cellbar", width="100%", height=6, aria_hidden="true")
