"""The step report: one page about the whole run, from the artifacts of its steps."""

from __future__ import annotations

from pathlib import Path

from stellwerk.components.artifacts.folders import folder_digest, write_text
from stellwerk.report.steps import run_page


def report(
    *,
    context: dict[str, str],
    spec: str,
    manifest: Path,
    statistics: Path,
    anomalies: Path,
    history: Path,
    model: Path,
    evaluation: Path,
    blessing: Path,
    page: Path,
    rehearsal: Path | None = None,
) -> None:
    """Writes the report of a run as one HTML file.

    `manifest` is Examples without their rows, so that nothing large is fetched for a page. An artifact that is damaged costs
    its own section only. On a cluster the report stands beside push, which may refuse: it says what push will go by.
    """
    paths = {
        "examples": manifest,
        "statistics": statistics,
        "anomalies": anomalies,
        "history": history,
        "model": model,
        "evaluation": evaluation,
        "blessing": blessing,
        **({} if rehearsal is None else {"rehearsal": rehearsal}),
    }
    digests = {artifact: folder_digest(paths[artifact]) for artifact in ("model", "evaluation")}
    html = run_page(paths, digests, name=context["pipeline"], spec=spec, source=context.get("spec", ""))
    write_text(page, html)
