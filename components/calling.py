"""Calls a step's work from plain values, the same way in the embedded runner and inside a KFP component."""

from __future__ import annotations

import importlib
import inspect
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from stellwerk.components.escaping import readable
from stellwerk.components.lineage.kubeflow import observed
from stellwerk.components.previous_artifacts import compared
from stellwerk.components.run_values import changed, section
from stellwerk.components.step_events import told
from stellwerk.steps import STEPS


def work_of(step: str) -> Callable[..., Any]:
    """Returns the work function of a step. Importing it loads the frameworks the step needs."""
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "2"
    )  # TensorFlow reads it when it is loaded, before anyone can ask it
    work: Callable[..., Any] = getattr(importlib.import_module(STEPS[step].work), step)
    return work


def call(step: str, arguments: Mapping[str, Any]) -> Any:
    """Runs a step's work and returns what it returns. JSON values become sections of the spec, KFP artifacts and strings paths.

    `arguments` are the work function's keyword arguments; those that are None and have a default are left out. An engine
    outside the container is told what happens, see `telling`, and OpenLineage where it is wanted, see `lineage`.
    """
    given = readable(arguments)
    arguments = in_place(given)
    with observed(step, arguments), told() as progress, compared(step, given) as earlier:
        return _call(step, {"progress": progress, **arguments, **earlier})


def _call(step: str, arguments: Mapping[str, Any]) -> Any:
    work = work_of(step)
    arguments = changed(step, arguments)
    hints = get_type_hints(work)
    values: dict[str, Any] = {}
    for name, parameter in inspect.signature(work).parameters.items():
        given: Any = arguments.get(name)
        if given is None and parameter.default is not inspect.Parameter.empty:
            continue
        if callable(given):
            values[name] = given
        elif hasattr(given, "path") and hasattr(given, "uri"):
            values[name] = Path(given.path)
        else:
            values[name] = ordered(name, section(step, name, hints[name], whole(given)))
    return work(**values)


def in_place(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a face's arguments with the URI in the place of each artifact that is not fetched for it: `<artifact>_uri`."""
    uris = {name.removesuffix("_uri"): value for name, value in arguments.items() if name.endswith("_uri")}
    kept = {name: value for name, value in arguments.items() if not name.endswith("_uri")}
    return kept | {name: uri for name, uri in uris.items() if uri}


def written(text: str) -> Path | None:
    """Returns a new file with a text that travelled as a KFP parameter, or None for an empty one."""
    if not text:
        return None
    file = Path(tempfile.mkdtemp(prefix="stellwerk-")) / "text"
    file.write_text(text, encoding="utf-8")
    return file


def ordered(name: str, value: Any) -> Any:
    """Sorts the keys of an argument where their order counts: KFP mixes those of every dict.

    The order of the features decides which weight starts with which random number, that of the sources the data's version.
    """
    if name == "features":
        return dict(sorted(value.items()))
    if name == "data":
        return value.model_copy(update={"sources": dict(sorted(value.sources.items()))})
    return value


def whole(value: Any) -> Any:
    """Makes whole floats in JSON values integers: KFP turns every number inside a list or dict into a float."""
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
