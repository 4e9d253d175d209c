"""Writes what the dashboard of Kubeflow Pipelines shows of a step, beside and onto the step's artifacts.

A face that has some of these outputs calls `show` after its work: `<what>_page` is a page in HTML, and the artifacts that are
KFP's `Metrics` or `ClassificationMetrics` are given scalars, ROC curve and confusion matrix as their metadata, from which the
dashboard draws them. `manifest` is Examples without their rows, so that the report of the run needs not fetch them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import MANIFEST, write_json, write_text, written_aside
from stellwerk.components.calling import in_place, whole
from stellwerk.errors import sentence
from stellwerk.report.dataset import QUARANTINE_LINES
from stellwerk.report.steps import shown
from stellwerk.steps import STEPS

PAGE = "_page"


def show(step: str, arguments: Mapping[str, Any]) -> None:
    """Writes what the dashboard shows of the face of `step`, which has these `arguments`, from its artifacts.

    Nothing that goes wrong here fails the step: a picture is no reason to lose a training.
    """
    try:
        _show(step, arguments)
    except Exception as error:  # whatever it is, the work is done
        logging.getLogger(__name__).warning("The dashboard shows less of %s: %s", step, sentence(error))


def _show(step: str, arguments: Mapping[str, Any]) -> None:
    if "manifest" in arguments:
        _leave_rows_out(in_place(arguments)["examples"], Path(arguments["manifest"].path))
    paths = {name: Path(given.path) for name, given in arguments.items() if hasattr(given, "uri")}
    shows = STEPS[step].shows
    found = shown(step, paths, whole(arguments.get("settings") or {}))
    if found is None or shows is None:
        return
    for name, path in paths.items():
        if name.endswith(PAGE):
            write_text(path, found.page)
    for artifact, values in ((shows.scalars, found.metrics), (shows.curves, found.classification)):
        if artifact in arguments:
            arguments[artifact].metadata.update(values)


def _leave_rows_out(examples: Any, manifest: Path) -> None:
    """Writes Examples without their rows: the manifest, and of the rows that were set aside the first, where they are here."""
    rows = Path("quarantine", "rows.jsonl")
    given = examples if isinstance(examples, str) else Path(examples.path)
    with written_aside(manifest) as folder:
        write_json(folder / MANIFEST, Examples.open(given).manifest)
        if isinstance(given, Path) and (given / rows).exists():
            (folder / rows).parent.mkdir()
            with (given / rows).open("rb") as lines, (folder / rows).open("wb") as kept:
                kept.writelines(islice(lines, QUARANTINE_LINES))
