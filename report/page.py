"""Makes the page from what was read: fills the templates, and forbids everything but its own style and script.

Column names, category values, paths and logs come from outside, so every template escapes; and should one ever fail to,
the page's policy names the digests of the only style sheet and the only script that a browser may use.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from stellwerk.report import wording
from stellwerk.report.diagram import icon
from stellwerk.report.evaluating import evaluation_section
from stellwerk.report.gathering import Report
from stellwerk.report.lineage import links, picture
from stellwerk.report.overview import overview_section, tiles
from stellwerk.report.profiles import data_section, features_section
from stellwerk.report.reading import Missing
from stellwerk.report.rehearsing import rehearsal_section
from stellwerk.report.training import training_section
from stellwerk.report.verdict import verdict

SECTIONS = (
    ("overview", "Overview"),
    ("pipeline", "Pipeline"),
    ("gates", "Gates"),
    ("rehearsal", "Rehearsal"),
    ("evaluation", "Evaluation"),
    ("training", "Training"),
    ("data", "Data"),
    ("features", "Columns"),
    ("lineage", "Lineage"),
    ("spec", "Spec"),
    ("versions", "Versions"),
)


@cache
def _text(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    found = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, loader=FunctionLoader(_text))
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


def render(report: Report) -> str:
    """Returns the whole page as HTML."""
    style, script = _text("page.css"), _text("page.js")
    said = verdict(report.run, report.blessing, report.pushed, report.anomalies, report.rehearsal)
    return (
        _environment()
        .get_template("page.html")
        .render(
            run=report.run,
            verdict=said,
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            tiles=tiles(report),
            anomalies=report.anomalies,
            blessing=report.blessing,
            rehearsal=report.rehearsal,
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
            **_notes(report),
            **overview_section(report),
            **rehearsal_section(report),
            **evaluation_section(report),
            **training_section(report),
            **data_section(report),
            **features_section(report),
        )
    )


def _versions(report: Report) -> list[tuple[str, str]]:
    inside: Mapping[str, str] = {} if isinstance(report.card, Missing) else report.card.versions
    return sorted({**inside, **report.run.versions}.items(), key=lambda pair: pair[0].casefold())


def _notes(report: Report) -> dict[str, Any]:
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
    shown = [(name, title) for name, title in SECTIONS if name != "rehearsal" or report.run.step("rehearse")]
    return {"sections": [(name, title, notes.get(name, "")) for name, title in shown], "alerts": alerts}
