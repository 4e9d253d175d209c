"""Makes a page from what was read: fills the templates, and forbids everything but its own style and script.

Column names, category values, paths and logs come from outside, so every template escapes; and should one ever fail to,
the page's policy names the digests of the only style sheet and the only script that a browser may use.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from stellwerk.report import wording
from stellwerk.report.compiled import CompiledTemplates
from stellwerk.report.diagram import icon
from stellwerk.report.evaluating import evaluation_section
from stellwerk.report.gathering import Report
from stellwerk.report.lineage import links, picture
from stellwerk.report.overview import overview_section
from stellwerk.report.profiles import data_section, features_section
from stellwerk.report.reading import Missing
from stellwerk.report.rehearsing import rehearsal_section
from stellwerk.report.tiles import Tile, run_tiles
from stellwerk.report.training import training_section
from stellwerk.report.verdict import Verdict, verdict
from stellwerk.steps import maker

TITLES = {
    "overview": "Overview",
    "pipeline": "Pipeline",
    "gates": "Gates",
    "rehearsal": "Rehearsal",
    "evaluation": "Evaluation",
    "training": "Training",
    "data": "Data",
    "features": "Columns",
    "lineage": "Lineage",
    "spec": "Spec",
    "versions": "Versions",
}
"""Every section, with the name that the navigation shows; the template of each has the name of the section."""


@dataclass(frozen=True)
class Layout:
    """What of a report a page shows, and how."""

    sections: tuple[str, ...] = tuple(TITLES)
    gates: tuple[str, ...] = ("data", "model")
    origin: str = ""
    """What the page was written from, for its last line; by default the files of the run."""
    framed: bool = False
    """Whether the page is shown inside another, as the dashboard does, whose ground is light and whose width is small."""
    most_columns: int | None = None
    most_slices: int | None = None
    """Cards of columns and rows of slices that are shown, so that a page stays small; None shows all."""


WHOLE = Layout()
PAGE = Path(__file__).parent / "page"
"""The folder of the templates, the style sheet and the script."""


@cache
def text_of(name: str) -> str:
    """Returns the text of a template, the style sheet or the script."""
    return (PAGE / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Returns what fills the templates."""
    found = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(text_of),
        bytecode_cache=CompiledTemplates(PAGE),
    )
    found.filters.update(
        count=wording.count,
        measure=wording.measure,
        share=wording.share,
        duration=wording.duration,
        size=wording.size,
        short=wording.short,
        one_line=one_line,
        signed=wording.signed,
        titled=wording.titled,
    )
    found.tests["missing"] = lambda value: isinstance(value, Missing)
    found.globals.update(icon=icon)
    return found


def one_line(row: Any) -> str:
    """Returns a quarantined row, text or object, as one line."""
    text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=str)
    return wording.clipped(" ".join(text.split()), 400)


def policy(style: str, script: str) -> str:
    """Returns the content security policy: no network, and only this style sheet and this script."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def render(
    report: Report, layout: Layout = WHOLE, said: Verdict | None = None, numbers: Sequence[Tile] | None = None
) -> str:
    """Returns a page as HTML: a verdict and the main numbers, then the sections of `layout`; by default those of the run."""
    style, script = text_of("page.css"), text_of("page.js")
    if said is None:
        said = verdict(report.run, report.blessing, report.pushed, report.anomalies, report.rehearsal)
    return (
        environment()
        .get_template("page.html")
        .render(
            run=report.run,
            verdict=said,
            layout=layout,
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            tiles=run_tiles(report) if numbers is None else numbers,
            anomalies=report.anomalies,
            blessing=report.blessing,
            rehearsal=report.rehearsal,
            rehearses=_rehearses(report),
            card=report.card,
            data=report.data,
            evaluation=report.evaluation,
            history=report.history,
            statistics=report.statistics,
            logs=report.logs,
            spec=report.spec,
            versions=_versions(report),
            links=links(report.run, report.data, report.pushed, report.spec),
            lineage_picture=picture(report.run, report.data, report.pushed),
            **_notes(report, layout),
            **overview_section(report),
            **rehearsal_section(report),
            **evaluation_section(report, layout.most_slices),
            **training_section(report),
            **data_section(report),
            **features_section(report, layout.most_columns),
        )
    )


def _rehearses(report: Report) -> bool:
    """Whether the run has the step that rehearses; most have none, and so no section of it."""
    return report.run.step(maker("rehearsal")) is not None


def _versions(report: Report) -> list[tuple[str, str]]:
    inside: Mapping[str, str] = {} if isinstance(report.card, Missing) else report.card.versions
    return sorted({**inside, **report.run.versions}.items(), key=lambda pair: pair[0].casefold())


def _notes(report: Report, layout: Layout) -> dict[str, Any]:
    """The numbers beside the names of the sections, and which of them ask for attention."""
    notes: dict[str, str] = {}
    alerts: set[str] = set()
    refused = 0 if isinstance(report.blessing, Missing) else len(report.blessing.refused)
    refused += 0 if isinstance(report.anomalies, Missing) else len(report.anomalies)
    if refused:
        notes["gates"] = str(refused)
        alerts.add("gates")
    if not isinstance(report.evaluation, Missing):
        notes["evaluation"] = wording.several(max(0, len(report.evaluation.slices) - 1), "slice")
    if not isinstance(report.statistics, Missing):
        notes["features"] = str(len(report.statistics))
    if not isinstance(report.rehearsal, Missing) and report.rehearsal.refused:
        notes["rehearsal"] = str(len(report.rehearsal.refused))
        alerts.add("rehearsal")
    shown = [name for name in layout.sections if name != "rehearsal" or _rehearses(report)]
    return {"sections": [(name, TITLES[name], notes.get(name, "")) for name in shown], "alerts": alerts}
