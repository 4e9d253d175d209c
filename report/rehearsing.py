"""The rehearsal section: what a server on the model had to show, and how it takes more and more clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.report.charts import Line, Point, key, line_chart, nice_ticks
from stellwerk.report.gathering import Report
from stellwerk.report.judging import Requirement
from stellwerk.report.reading import Missing
from stellwerk.report.rehearsed import Asked, Measurements, Rehearsal
from stellwerk.report.wording import count, duration, measure, several, size

TITLES = {
    "loads": "The server is ready",
    "failed_requests": "Requests without an answer",
    "differing_answers": "Examples answered otherwise",
    "p99_ms": "99th percentile of latency",
    "throughput": "Throughput",
    "startup_seconds": "Start-up",
    "memory": "Peak memory",
    "model_size": "Size of the model",
}
"""How each requirement is called on the page."""


@dataclass(frozen=True)
class Row:
    """One requirement as the table shows it."""

    ok: bool
    title: str
    required: str
    reached: str
    sentence: str


@dataclass(frozen=True)
class Chart:
    """One picture with what stands above it."""

    title: str
    drawn: Markup


def rehearsal_section(report: Report) -> dict[str, Any]:
    """Returns what the rehearsal template needs."""
    seen = report.rehearsal
    if isinstance(seen, Missing) or not seen.rehearsed:
        return {"rehearsal_rows": [], "rehearsal_facts": [], "rehearsal_charts": [], "rehearsal_key": ""}
    return {
        "rehearsal_rows": requirement_rows(seen),
        "rehearsal_facts": _facts(seen),
        "rehearsal_charts": _charts([one for one in seen.scaling if one.p99_ms is not None]),
        "rehearsal_key": key((("half of the requests", "s0"), ("99 of 100", "s1"))),
    }


def requirement_rows(seen: Rehearsal) -> list[Row]:
    """Returns the requirements as they are written, those that are not met first."""
    return [_row(entry) for entry in (*seen.refused, *(row for row in seen.requirements if row.ok))]


def _row(entry: Requirement) -> Row:
    title = TITLES.get(entry.metric, entry.metric)
    if entry.metric == "loads":
        return Row(entry.ok, title, "yes", "yes" if entry.ok else "no", entry.sentence)
    required, reached = _shown(entry.metric, entry.required), _shown(entry.metric, entry.value)
    return Row(entry.ok, title, f"{entry.words} {required}" if entry.required else "none", reached, entry.sentence)


def _shown(metric: str, value: float | None) -> str:
    if metric in ("memory", "model_size"):
        return size(value)
    if metric == "startup_seconds":
        return duration(value)
    unit = {"p99_ms": " ms", "throughput": " examples/s"}.get(metric, "")
    return measure(value) + (unit if value is not None else "")


def _facts(seen: Rehearsal) -> list[tuple[str, str]]:
    """Returns what was measured, as far as the server came."""
    measured = seen.measurements or Measurements(0)
    facts = [("server", "stellwerk serve" if seen.server == "embedded" else seen.server)]
    facts += [("asked through", {"grpc": "gRPC", "rest": "REST"}[seen.api])] if seen.api else []
    if measured.startup_seconds is not None:
        facts.append(("ready after", duration(measured.startup_seconds)))
    if measured.memory is not None:
        facts.append(("peak memory", size(measured.memory)))
    facts.append(("size of the model", size(measured.model_size)))
    if measured.latency is not None and measured.latency.p99_ms is not None:
        facts.append(
            (
                f"latency {_how(measured.latency)}",
                f"p50 {measure(measured.latency.p50_ms)} ms, p99 {measure(measured.latency.p99_ms)} ms",
            )
        )
    if measured.compared is not None:
        facts.append(("answers compared", several(measured.compared.examples, "example")))
    facts.append(("examples in a request", count(seen.batch_size)))
    return facts


def _how(asked: Asked) -> str:
    return "of one client" if asked.rate is None else f"at {asked.rate:g} requests/s"


def _charts(scaling: Sequence[Asked]) -> list[Chart]:
    if not scaling:
        return []
    points = sorted(scaling, key=lambda one: one.clients)
    ticks = [float(one.clients) for one in points]

    def line(name: str, values: Sequence[float | None], style: str) -> Line:
        found: list[Point] = [(x, y) for x, y in zip(ticks, values, strict=True) if y is not None]
        return Line(name, found, style, marks=True)

    rates = [one.throughput for one in points]
    slowest = max(one.p99_ms or 0.0 for one in points)
    throughput = line_chart(
        [line("throughput", rates, "s2")],
        title="Throughput by the number of clients",
        labels=("clients", "examples per second"),
        x_ticks=ticks,
        y_ticks=nice_ticks(0.0, max(rates), 4),
    )
    latency = line_chart(
        [line("p50", [one.p50_ms for one in points], "s0"), line("p99", [one.p99_ms for one in points], "s1")],
        title="Latency by the number of clients",
        labels=("clients", "milliseconds"),
        x_ticks=ticks,
        y_ticks=nice_ticks(0.0, slowest, 4),
    )
    return [Chart("Throughput", throughput), Chart("Latency", latency)]
