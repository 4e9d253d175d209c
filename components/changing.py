"""What a run is given besides the spec: single values that take the place of those in a section, checked as the spec is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stellwerk.errors import StepFailed

CHANGES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "resolve": {"sources": ("data", "sources")},
    "ingest": {"sources": ("data", "sources")},
    "train": {
        "epochs": ("training", "epochs"),
        "batch_size": ("training", "batch_size"),
        "learning_rate": ("training", "optimizer", "learning_rate"),
    },
    "push": {"to": ("push_to", "to")},
}
"""Arguments of a face that take the place of one value inside a section: what each step takes, and where it goes."""

LEFT_OPEN = ("epochs", "batch_size")
"""Arguments that a spec may leave to the number of rows."""


def changed(step: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a step with those that `CHANGES` names put into their sections; None changes nothing.

    Neither does 0 where the spec may say nothing: parameters of a pipeline always have a value.
    """
    result = dict(arguments)
    for name, (section, *keys, last) in CHANGES.get(step, {}).items():
        value = result.pop(name, None)
        if value is None or (name in LEFT_OPEN and value == 0):
            continue
        result[section] = inside = copy.deepcopy(dict(result[section]))
        for key in keys:
            inside = inside.setdefault(key, {})
        inside[last] = value
    return result


def section(step: str, name: str, kind: Any, given: Any) -> Any:
    """Returns an argument as its work takes it. Raises StepFailed, in the names that a run's parameters have, when it cannot be."""
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        places = {path: argument for argument, path in CHANGES.get(step, {}).items()}
        said = []
        for details in error.errors(include_url=False):
            path = (name, *(str(key) for key in details["loc"]))
            above = [places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places]
            what = details["msg"].removeprefix("Value error, ")
            said.append(f"{(above or ['.'.join(path)])[0]}: {what}. Received: {details['input']!r}.")
        raise StepFailed(f"{step}: {' '.join(dict.fromkeys(said))}") from error
