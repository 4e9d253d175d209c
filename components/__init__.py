"""The steps of a pipeline, one folder each, all the same shape: `component.py` is the face, `work.py` the work.

    from stellwerk.components import resolve, ingest, validate, transform, train, convert, evaluate, rehearse, push, report

gives them as KFP components for hand-written pipelines. Each is imported when it is asked for: importing this package
imports neither KFP nor TensorFlow. `stellwerk.steps` declares them.
"""

from __future__ import annotations

import importlib
from typing import Any

from stellwerk.steps import NAMES, STEPS

__all__ = [*NAMES]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in STEPS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(STEPS[name].face), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *NAMES})
