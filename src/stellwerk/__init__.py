"""One YAML file describes a deep-learning pipeline; Stellwerk checks it, runs it, compiles it and serves its model.

    import stellwerk

    spec = stellwerk.load("pipeline.yaml")
    record = stellwerk.run(spec)
    stellwerk.compile(spec, "ir.yaml")
    stellwerk.submit(spec, {"directory": "/data"}, wait=True)
    stellwerk.predict("models/churn", "customers.csv", "predicted.parquet")

Names are looked up when they are first used, so that `import stellwerk` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "load": "stellwerk.loading",
    "run": "stellwerk.pipelines.embedded.runner",
    "compile": "stellwerk.pipelines.kubeflow.compilation",
    "submit": "stellwerk.pipelines.kubeflow.submission",
    "predict": "stellwerk.serving.bulk",
}

__all__ = ["__version__", *_WHERE]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'stellwerk' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
