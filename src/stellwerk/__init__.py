"""One YAML file describes a deep-learning pipeline; Stellwerk checks it, runs it, compiles it and serves its model.

    import stellwerk

    result = stellwerk.run("pipeline.yaml")
    result = stellwerk.run("pipeline.yaml", data=frame)  # pandas, Polars or Arrow
    result.metrics, result.refused, result.model.predict(frame)

    stellwerk.compile("pipeline.yaml", "ir.yaml")
    stellwerk.submit("pipeline.yaml", {"directory": "/data"}, wait=True)
    stellwerk.predict("models/churn", "customers.csv", "predicted.parquet")

Every function takes the path of a spec, or what `load` returned. Names are looked up when they are first used, so that
`import stellwerk` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "load": "stellwerk.loading",
    "init": "stellwerk.interactive.starting",
    "check": "stellwerk.interactive.running",
    "run": "stellwerk.interactive.running",
    "runs": "stellwerk.interactive.looking",
    "compare": "stellwerk.interactive.looking",
    "predict": "stellwerk.interactive.models",
    "compile": "stellwerk.pipelines.kubeflow.compilation",
    "submit": "stellwerk.pipelines.kubeflow.submission",
    "Result": "stellwerk.interactive.results",
    "Model": "stellwerk.interactive.models",
}

__all__ = ["__version__", *_WHERE]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'stellwerk' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
