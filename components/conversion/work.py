"""The step convert: adds variants of the trained model, each in the format of another runtime, to a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from stellwerk.components.artifacts.folders import written_aside
from stellwerk.components.conversion.converting import Job, convert_aside
from stellwerk.progress import Progress, silent
from stellwerk.serving.runtimes.description import VARIANTS
from stellwerk.spec.formats import FormatName


def convert(
    *,
    formats: list[FormatName],
    model: Path,
    transformed: Path | str,
    converted: Path,
    progress: Progress = silent,
) -> None:
    """Writes `converted`: the Model as it is, with `variants/<format>/` for each of `formats` but `saved_model`.

    A variant is made of the signature `serve_transformed`; the first half, `transform`, stays in the SavedModel, as no other
    runtime has its lookups. A version of a model so holds all its variants, and model servers see the SavedModel only.

    Raises StepFailed when a format needs what is not installed, or has no operation for something in the model; DataError
    when there are no rows to calibrate with.
    """
    wanted = [name for name in dict.fromkeys(formats) if name != "saved_model"]
    with written_aside(converted) as folder:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        shutil.rmtree(folder / VARIANTS, ignore_errors=True)
        convert_aside(Job(tuple(wanted), model, transformed, folder / VARIANTS), progress)
