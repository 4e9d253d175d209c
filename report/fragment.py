"""Runs as pieces of HTML for the cell of a notebook: as wide as the cell, in its colours, with nothing loaded and no script.

A whole page goes into a frame. What is shown after every run does not: it is a few kilobytes, and grows with what is in it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from stellwerk.report.diagram import Node, diagram
from stellwerk.report.judging import read_blessing
from stellwerk.report.page import environment, text_of
from stellwerk.report.reading import Missing, Run, read_anomalies, read_made
from stellwerk.report.summary import Summary, summarise
from stellwerk.report.wording import duration, measure, titled

MOST_METRICS = 5
MOST_OF_RUNS = 4
MOST_ROWS = 12
"""Of gates and anomalies, so that a cell is read at a glance; the page has all."""
BOX = (120, 60)
FRAME_HEIGHT = 620


@dataclass(frozen=True)
class Held:
    """The model, or what it is held against, in the table of metrics."""

    name: str
    cells: tuple[tuple[str, str], ...]
    """Value, and where it lies with 95 % confidence, of each metric."""


def run_fragment(folder: Path) -> str:
    """Returns a run: its verdict, its graph, metrics beside baselines, and what the gates said. Raises UsageError for no run."""
    summary = summarise(folder)
    run = summary.run
    anomalies = read_made(folder, run, "anomalies", read_anomalies)
    blessing = read_made(folder, run, "blessing", read_blessing)
    asked = () if isinstance(blessing, Missing) else (*blessing.refused, *blessing.met)
    found = () if isinstance(anomalies, Missing) else anomalies
    names = _metrics(summary)
    return _filled(
        "fragment_run.html",
        run=run,
        verdict=summary.verdict,
        graph=diagram(_nodes(run), title="The steps of the run and how they ended", box=BOX),
        metrics=[titled(name) for name in names],
        rows=_rows(summary, names),
        requirements=asked[:MOST_ROWS],
        anomalies=found[:MOST_ROWS],
        warnings=() if isinstance(summary.evaluation, Missing) else summary.evaluation.warnings,
        more=max(0, len(asked) - MOST_ROWS) + max(0, len(found) - MOST_ROWS),
        report=_near(folder / "report.html"),
    )


def _near(path: Path) -> Path:
    """A path as a person in the working directory names it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _nodes(run: Run) -> list[Node]:
    return [Node(step.name, step.name, (_told(step),), step.after, step.status) for step in run.steps]


def _told(step: Any) -> str:
    return duration(step.seconds) if step.status == "done" and step.seconds is not None else str(step.status)


def _metrics(summary: Summary) -> list[str]:
    return [name for name, value in summary.metrics.items() if value is not None][:MOST_METRICS]


def _rows(summary: Summary, names: Sequence[str]) -> list[Held]:
    if not names:
        return []
    intervals = _intervals(summary)
    own = Held("model", tuple((measure(summary.metrics.get(name)), intervals.get(name, "")) for name in names))
    others = summary.baselines.items()
    return [own, *(Held(title, tuple((measure(values.get(name)), "") for name in names)) for title, values in others)]


def _intervals(summary: Summary) -> dict[str, str]:
    if isinstance(summary.evaluation, Missing):
        return {}
    found = summary.evaluation.slices[0].intervals
    return {name: f"{measure(low)} to {measure(high)}" for name, (low, high) in found.items()}


def runs_fragment(folders: Sequence[Path]) -> str:
    """Returns runs as a table, in the order that they come: how each ended, its metrics, what became of its model."""
    found = [summarise(folder) for folder in folders]
    names = list(dict.fromkeys(name for summary in found for name in _metrics(summary)))[:MOST_OF_RUNS]
    rows = [(summary, [measure(summary.metrics.get(name)) for name in names]) for summary in found]
    return _filled("fragment_runs.html", metrics=[titled(name) for name in names], rows=rows)


def _filled(template: str, **values: Any) -> str:
    style = Markup(_style())  # noqa: S704 - our own file
    return environment().get_template(template).render(style=style, **values)


def _style() -> str:
    """The colours of the page, which it names at its root, and the fragment's own rules."""
    colours = (
        text_of("page.css").partition("}")[0].replace(":root", ".stellwerk").replace("color-scheme: light dark;", "")
    )
    return f"{colours}}}\n{text_of('fragment.css')}"


def framed(page: str, title: str, height: int = FRAME_HEIGHT) -> str:
    """Returns a frame that holds a whole page, for a cell. The page takes the colours of the notebook, see `page.js`."""
    style = "width: 100%; border: 0; border-radius: 10px; display: block"
    return (
        f'<iframe title="{html.escape(title)}" srcdoc="{html.escape(page)}" width="100%" height="{height}" '
        f'style="{style}" loading="lazy"></iframe>'
    )
