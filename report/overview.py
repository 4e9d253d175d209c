"""The section of the pipeline: its graph and its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.report.charts import nice_ticks, tag, tick
from stellwerk.report.diagram import Node, diagram
from stellwerk.report.gathering import Report
from stellwerk.report.reading import Run, Step
from stellwerk.report.wording import duration, size


@dataclass(frozen=True)
class Lane:
    """One step in the timeline."""

    name: str
    drawn: Markup
    text: str


def overview_section(report: Report) -> dict[str, Any]:
    """Returns what the overview template needs: the graph, the timeline and its axis."""
    lanes, axis = _timeline(report.run)
    loads = any(step.waited for step in report.run.steps)
    return {"graph": _graph(report.run), "timeline": lanes, "timeline_axis": axis, "timeline_loads": loads}


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
        parts.append(duration(step.seconds) + (f" after {duration(step.waited)} of loading" if step.waited else ""))
    if step.peak_memory:
        parts.append(f"peak memory {size(step.peak_memory)}")
    return ", ".join(parts)


def _timeline(run: Run) -> tuple[list[Lane], Markup]:
    begun = [(step, step.started) for step in run.steps if step.started is not None]
    ticks = nice_ticks(0.0, max([*(step.ended or 0.0 for step, _ in begun), 0.001]), 5)
    last = ticks[-1]
    lanes = []
    for step, started in begun:
        parts = [tag("title", _tip(step)), *(_grid(value, last) for value in ticks)]
        if step.status == "cached":
            parts.append(tag("circle", class_="span cached", cx=f"{100 * started / last:.2f}%", cy=13, r=5))
        else:
            waited = step.waited or 0.0
            seconds = step.seconds if step.seconds is not None else max(0.0, last - started - waited)
            parts += [_span("loading", started, waited, last)] if waited else []
            parts.append(_span(step.status, started + waited, seconds, last))
        drawn = tag("svg", *parts, width="100%", height=26, role="img", aria_label=_tip(step))
        lanes.append(Lane(step.name, drawn, "cached" if step.status == "cached" else duration(step.seconds)))
    return lanes, _axis(ticks)


def _span(kind: str, start: float, seconds: float, last: float) -> Markup:
    left, width = 100 * start / last, max(0.4, 100 * seconds / last)
    return tag("rect", class_=f"span {kind}", x=f"{left:.2f}%", y=5, width=f"{width:.2f}%", height=16, rx=3)


def _grid(value: float, last: float) -> Markup:
    at = f"{100 * value / last:.2f}%"
    return tag("line", class_="grid", x1=at, x2=at, y1=0, y2=26)


def _axis(ticks: list[float]) -> Markup:
    parts = []
    for index, value in enumerate(ticks):
        place = "start" if index == 0 else "end" if index == len(ticks) - 1 else "mid"
        parts.append(tag("text", f"{tick(value)} s", class_=f"tick {place}", x=f"{100 * value / ticks[-1]:.2f}%", y=13))
    return tag("svg", *parts, width="100%", height=18, aria_hidden="true")
