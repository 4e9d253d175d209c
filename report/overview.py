"""The head of the page: the numbers that matter most, the pipeline's graph and its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.report.charts import nice_ticks, tag, tick
from stellwerk.report.diagram import Node, diagram
from stellwerk.report.gathering import Report
from stellwerk.report.reading import Missing, Run, Step
from stellwerk.report.slices import headline_metric
from stellwerk.report.wording import count, duration, measure, several, signed, size, titled


@dataclass(frozen=True)
class Tile:
    """One number at the top of the page."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Lane:
    """One step in the timeline."""

    name: str
    drawn: Markup
    text: str


def tiles(report: Report) -> list[Tile]:
    """Returns the numbers that a reader looks for first, as far as they are known."""
    found = [_quality(report), _gates(report), _rows(report), _time(report.run)]
    peaks = [step.peak_memory for step in report.run.steps if step.peak_memory]
    if peaks:
        largest = max(report.run.steps, key=lambda step: step.peak_memory or 0)
        found.append(Tile("Peak memory", size(max(peaks)), f"in {largest.name}"))
    return [tile for tile in found if tile is not None]


def _quality(report: Report) -> Tile | None:
    if isinstance(report.evaluation, Missing) or not report.evaluation.slices:
        return None
    metric = headline_metric(report.evaluation, report.blessing)
    whole = report.evaluation.slices[0]
    value = whole.metrics.get(metric) if metric else None
    if metric is None or value is None:
        return None
    before = (whole.baseline or {}).get(metric)
    note = f"{signed(value - before)} against the last" if before is not None else "on the test split"
    return Tile(titled(metric), measure(value), note)


def _gates(report: Report) -> Tile | None:
    if isinstance(report.blessing, Missing) or not report.blessing.requirements:
        return None
    asked = len(report.blessing.requirements)
    return Tile("Requirements met", f"{len(report.blessing.met):,} of {asked:,}", "before publishing")


def _rows(report: Report) -> Tile | None:
    if isinstance(report.data, Missing):
        return None
    aside = report.data.quarantined
    return Tile(
        "Examples", count(sum(report.data.rows.values())), f"{aside:,} set aside" if aside else "none set aside"
    )


def _time(run: Run) -> Tile | None:
    if run.seconds is None:
        return None
    cached = sum(step.status == "cached" for step in run.steps)
    note = f"{cached} of {several(len(run.steps), 'step')} from the cache" if cached else "nothing from the cache"
    return Tile("Time", duration(run.seconds), note)


def overview_section(report: Report) -> dict[str, Any]:
    """Returns what the overview template needs: the graph, the timeline and its axis."""
    lanes, axis = _timeline(report.run)
    return {"graph": _graph(report.run), "timeline": lanes, "timeline_axis": axis}


def _graph(run: Run) -> Markup:
    nodes = [Node(step.name, step.name, _told(step), step.after, step.status, _tip(step)) for step in run.steps]
    return diagram(nodes, title="The steps of the pipeline, how they ended and how long they took")


def _told(step: Step) -> tuple[str, ...]:
    if step.status in ("done", "failed", "refused") and step.seconds is not None:
        speed = f"{step.rows / step.seconds:,.0f} rows/s" if step.rows and step.seconds else ""
        return (f"{step.status} · {duration(step.seconds)}", speed)
    return (step.status, f"from {step.cached_from}") if step.cached_from else (step.status,)


def _tip(step: Step) -> str:
    parts = [f"{step.name}: {step.status}"]
    if step.cached_from:
        parts.append(f"taken from run {step.cached_from}")
    if step.seconds:
        parts.append(duration(step.seconds))
    if step.peak_memory:
        parts.append(f"peak memory {size(step.peak_memory)}")
    return ", ".join(parts)


def _timeline(run: Run) -> tuple[list[Lane], Markup]:
    begun = [(step, step.started) for step in run.steps if step.started is not None]
    ends = [started + (step.seconds or 0.0) for step, started in begun]
    ticks = nice_ticks(0.0, max([*ends, 0.001]), 5)
    last = ticks[-1]
    lanes = []
    for step, started in begun:
        parts = [tag("title", _tip(step)), *(_grid(value, last) for value in ticks)]
        left = 100 * started / last
        if step.status == "cached":
            parts.append(tag("circle", class_="span cached", cx=f"{left:.2f}%", cy=13, r=5))
        else:
            seconds = step.seconds if step.seconds is not None else last - started
            width = max(0.4, 100 * seconds / last)
            parts.append(
                tag("rect", class_=f"span {step.status}", x=f"{left:.2f}%", y=5, width=f"{width:.2f}%", height=16, rx=3)
            )
        drawn = tag("svg", *parts, width="100%", height=26, role="img", aria_label=_tip(step))
        lanes.append(Lane(step.name, drawn, "cached" if step.status == "cached" else duration(step.seconds)))
    return lanes, _axis(ticks)


def _grid(value: float, last: float) -> Markup:
    at = f"{100 * value / last:.2f}%"
    return tag("line", class_="grid", x1=at, x2=at, y1=0, y2=26)


def _axis(ticks: list[float]) -> Markup:
    parts = []
    for index, value in enumerate(ticks):
        place = "start" if index == 0 else "end" if index == len(ticks) - 1 else "mid"
        parts.append(tag("text", f"{tick(value)} s", class_=f"tick {place}", x=f"{100 * value / ticks[-1]:.2f}%", y=13))
    return tag("svg", *parts, width="100%", height=18, aria_hidden="true")
