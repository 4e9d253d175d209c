"""Writes what the dashboard of Kubeflow Pipelines shows of a step, beside the step's artifacts.

A face that has some of these outputs calls `show` after its work. They are the dashboard's own kinds of artifacts: `page`
(HTML), `metrics` (scalars), `classification` (ROC curve and confusion matrix) and `verdict` (Markdown); and `manifest`, which is
Examples without their rows, so that the report of the run needs not fetch them.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import write_text, written_aside
from stellwerk.components.calling import whole
from stellwerk.errors import sentence
from stellwerk.report.dataset import QUARANTINE_LINES
from stellwerk.report.steps import shown


def show(step: str, arguments: Mapping[str, Any]) -> None:
    """Writes the dashboard's artifacts among `arguments`, those of the face of `step`, from the others.

    Nothing that goes wrong here fails the step: a picture is no reason to lose a training.
    """
    try:
        _show(step, arguments)
    except Exception as error:  # whatever it is, the work is done
        logging.getLogger(__name__).warning("The dashboard shows less of %s: %s", step, sentence(error))


def _show(step: str, arguments: Mapping[str, Any]) -> None:
    paths = {name: Path(given.path) for name, given in arguments.items() if hasattr(given, "uri")}
    if "manifest" in paths:
        _leave_rows_out(paths["examples"], paths["manifest"])
    found = shown(step, paths, whole(arguments.get("settings") or {}))
    if found is None:
        return
    for name, text in (("page", found.page), ("verdict", found.verdict)):
        if name in paths:
            write_text(paths[name], text)
    for name, values in (("metrics", found.metrics), ("classification", found.classification)):
        if name in arguments:
            arguments[name].metadata.update(values)


def _leave_rows_out(examples: Path, manifest: Path) -> None:
    quarantine = Path("quarantine", "rows.jsonl")
    with written_aside(manifest) as folder:
        shutil.copyfile(examples / "dataset.json", folder / "dataset.json")
        if (examples / quarantine).exists():
            (folder / quarantine).parent.mkdir()
            with (examples / quarantine).open("rb") as lines, (folder / quarantine).open("wb") as kept:
                kept.writelines(islice(lines, QUARANTINE_LINES))
