"""What each step shows on the dashboard of Kubeflow Pipelines, made from the paths of its artifacts.

The dashboard draws scalars, ROC curves and confusion matrices from an artifact's metadata, and puts an HTML artifact into a
frame that may run scripts but has no origin: no storage, no cookies, no parent. The frame is as wide as half of the window
without margins of 160 pixels, and 600 high, so a page says first what its step said and found: a verdict, then numbers.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stellwerk.report import scalars, tiles, verdict
from stellwerk.report.gathering import MAKERS, Report, collect
from stellwerk.report.page import Layout, render
from stellwerk.report.reading import Missing, Run, Step
from stellwerk.steps import STEPS

MOST_COLUMNS = 150
MOST_SLICES = 500
"""The dashboard loads a page as a whole and gives it to the browser as one string: it stays below two megabytes."""


@dataclass(frozen=True)
class Shown:
    """What the dashboard is given of one step."""

    page: str
    """A whole HTML document."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    classification: Mapping[str, Any] = field(default_factory=dict)


def shown(step: str, paths: Mapping[str, Path], settings: Mapping[str, Any]) -> Shown | None:
    """Returns what `step` shows of the artifacts at `paths`, or None where it shows nothing.

    `settings` is the step's own section of the spec. An artifact that is not there is said to be missing.
    """
    shows = STEPS[step].shows
    if shows is None:
        return None
    module, _, function = shows.view.partition(":")
    view: Callable[[Report, Layout], Shown] = getattr(importlib.import_module(module), function)
    run = Run(run="", name="", status="done", steps=(Step(step, status="done"),))
    origin = f"the artifacts of the step {step}"
    layout = Layout(shows.sections, shows.gates, origin, True, MOST_COLUMNS, MOST_SLICES)
    return view(collect(run, paths, settings={step: settings}), layout)


def rows_view(report: Report, layout: Layout) -> Shown:
    """Returns what became of the rows of the sources."""
    said = verdict.ingest_verdict(report.data)
    found = {} if isinstance(report.data, Missing) else scalars.data_scalars(report.data)
    return Shown(render(report, layout, said, tiles.ingest_tiles(report)), found)


def data_view(report: Report, layout: Layout) -> Shown:
    """Returns what the data are like, and what of it is an anomaly."""
    said = verdict.data_verdict(report.anomalies, fails=report.setting("validate", "on_anomaly") != "warn")
    return Shown(render(report, layout, said, tiles.validate_tiles(report)))


def training_view(report: Report, layout: Layout) -> Shown:
    """Returns how the network learned."""
    said = verdict.training_verdict(report.history)
    found = {} if isinstance(report.history, Missing) else scalars.training_scalars(report.history)
    return Shown(render(report, layout, said, tiles.train_tiles(report)), found)


def model_view(report: Report, layout: Layout) -> Shown:
    """Returns how good the model is, and whether that is enough."""
    page = render(report, layout, verdict.model_verdict(report.blessing), tiles.evaluate_tiles(report))
    if isinstance(report.evaluation, Missing):
        return Shown(page)
    blessed = {} if isinstance(report.blessing, Missing) else {"blessed": float(not report.blessing.refused)}
    found = {**blessed, **scalars.evaluation_scalars(report.evaluation)}
    return Shown(page, found, scalars.classification(report.evaluation))


def rehearsal_view(report: Report, layout: Layout) -> Shown:
    """Returns how the model serves, and whether that is enough."""
    said = verdict.rehearsal_verdict(report.rehearsal)
    found = {} if isinstance(report.rehearsal, Missing) else scalars.rehearsal_scalars(report.rehearsal)
    return Shown(render(report, layout, said, tiles.rehearse_tiles(report)), found)


def run_page(paths: Mapping[str, Path], digests: Mapping[str, str], *, name: str, spec: str, source: str) -> str:
    """Returns the report of a run on a cluster, made before the model is pushed, which may refuse.

    `paths` and `digests` are of artifacts by name; `spec` is the text of the spec, `source` the name of its file. The page names
    no run: taken from a cache, it is that of all runs with the same artifacts. How long steps took the dashboard has.
    """
    steps = [
        Step(step, status="done", outputs={artifact: digests[artifact] for artifact in made if artifact in digests})
        for step, made in _made(paths).items()
    ]
    report = collect(Run(run="", name=name, status="done", spec=source, steps=tuple(steps)), paths, spec=spec)
    report = replace(report, run=replace(report.run, status=_status(report)), pushed=Missing(""))
    sections = ("overview", "gates", "rehearsal", "evaluation", "training", "data", "features", "lineage")
    layout = Layout((*sections, "spec", "versions"), origin="the artifacts of the run's steps", framed=True)
    return render(report, replace(layout, most_columns=MOST_COLUMNS, most_slices=MOST_SLICES))


def _made(paths: Mapping[str, Path]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for artifact, step in MAKERS.items():
        if artifact in paths:
            made.setdefault(step, []).append(artifact)
    return made


def _status(report: Report) -> Any:
    judges = (report.blessing, report.rehearsal)
    return "refused" if any(not isinstance(judge, Missing) and judge.refused for judge in judges) else "done"
