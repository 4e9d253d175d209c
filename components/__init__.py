"""The steps of a pipeline, one folder each, all the same shape: `component.py` is the face, `work.py` the work.

    from stellwerk.components import resolve, ingest, validate, transform, train, convert, evaluate, rehearse, push, report

gives them as KFP components for hand-written pipelines. Each is imported when it is asked for: importing this package
imports neither KFP nor TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellwerk.components.conversion.component import convert
    from stellwerk.components.deployment.component import push
    from stellwerk.components.evaluation.component import evaluate
    from stellwerk.components.ingestion.component import ingest
    from stellwerk.components.rehearsal.component import rehearse
    from stellwerk.components.reporting.component import report
    from stellwerk.components.resolution.component import resolve
    from stellwerk.components.training.component import train
    from stellwerk.components.transformation.component import transform
    from stellwerk.components.validation.component import validate

FACES = {
    "resolve": "stellwerk.components.resolution.component",
    "ingest": "stellwerk.components.ingestion.component",
    "validate": "stellwerk.components.validation.component",
    "transform": "stellwerk.components.transformation.component",
    "train": "stellwerk.components.training.component",
    "convert": "stellwerk.components.conversion.component",
    "evaluate": "stellwerk.components.evaluation.component",
    "rehearse": "stellwerk.components.rehearsal.component",
    "push": "stellwerk.components.deployment.component",
    "report": "stellwerk.components.reporting.component",
}
"""Where the KFP face of each step is."""


def __getattr__(name: str) -> Any:
    if name not in FACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(FACES[name]), name)


__all__ = [
    "FACES",
    "convert",
    "evaluate",
    "ingest",
    "push",
    "rehearse",
    "report",
    "resolve",
    "train",
    "transform",
    "validate",
]
