"""What a step on a cluster is compared with: the last blessed model, or the statistics of the run that pushed one.

KFP gives a step no artifact of an earlier run. The step `resolve` finds them where models are pushed, and a face is told where
they lie (`baseline_uri`, `previous_uri`). The embedded runner, which keeps its runs, looks in them and gives the folder itself.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stellwerk.steps import STEPS

FETCHER = "stellwerk.components.deployment.previous_artifacts"
"""Who fetches it: by name, as the works of steps are called, because steps do not import each other."""


@contextlib.contextmanager
def compared(step: str, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives what the work of a step takes besides `arguments` while the block runs: what it is compared with, as a folder.

    What lies in an object store is downloaded to a folder that goes when the block ends. Empty for a step that is given no
    place, or the artifact itself. Raises StepFailed where the place cannot be read: a gate that does not know must not let
    through.
    """
    given = {name: arguments[f"{name}_uri"] for name in STEPS[step].earlier if arguments.get(f"{name}_uri")}
    if not given:
        yield {}
        return
    model = arguments.get("model")
    judged = None if model is None else Path(model.path)
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as kept:
        fetch = importlib.import_module(FETCHER).fetched_for
        found = {name: fetch(name, uri, judged, Path(kept) / name) for name, uri in given.items()}
        yield {name: None if path is None else str(path) for name, path in found.items()}
