"""What a step on a cluster is compared with: the last blessed model, or the statistics of the run that pushed one.

KFP gives a step no artifact of an earlier run. The place that models are pushed to has what it takes, so a face that is told
that place (`pushed_to`, with `name` and `directory`) finds it there. The embedded runner, which keeps its runs, looks in them
and says itself what a step is compared with.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

EARLIER: Mapping[str, str] = {"validate": "previous", "evaluate": "baseline"}
"""Steps that are compared with something earlier, and the argument of their work that it is."""

FINDER = "stellwerk.components.deployment.earlier"
"""Where it is found: by name, as the works of steps are called, because steps do not import each other."""


@contextlib.contextmanager
def compared(step: str, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives what the work of a step takes besides `arguments`, those of its face, while the block runs.

    What lies in an object store is downloaded to a folder that goes when the block ends. Empty where nothing is pushed yet,
    and for a step that is told no place or is given what it is compared with. Raises StepFailed where the place cannot be
    read: a gate that does not know must not let through.
    """
    argument = EARLIER.get(step)
    if argument is None or not arguments.get("pushed_to") or arguments.get(argument) is not None:
        yield {}
        return
    place = (arguments["pushed_to"], Path(arguments["directory"]), arguments["name"])
    pushed = importlib.import_module(FINDER).Pushed(*place)
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as kept:
        found: Path | None = getattr(pushed, argument)(arguments, Path(kept))
        yield {} if found is None else {argument: str(found)}
