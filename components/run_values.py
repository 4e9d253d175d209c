"""What a run is given besides the spec: single values that take the place of those in a section, checked as the spec is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stellwerk.errors import StepFailed
from stellwerk.steps import STEPS


def changed(step: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a step with those that it declares as changes put into their sections; None changes nothing.

    Neither does 0 where the spec may say nothing: parameters of a pipeline always have a value.
    """
    result = dict(arguments)
    for change in STEPS[step].changes:
        section, *keys, last = change.place
        value = result.pop(change.argument, None)
        if value is None or (change.left_open and value == 0):
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
        places = {change.place: change.argument for change in STEPS[step].changes}
        said, foreign = [], False
        for details in error.errors(include_url=False):
            path = (name, *(str(key) for key in details["loc"]))
            above = [places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places]
            what = details["msg"].removeprefix("Value error, ")
            foreign = foreign or _may_be_a_packages(details)
            said.append(f"{(above or ['.'.join(path)])[0]}: {what}. Received: {details['input']!r}.")
        raise StepFailed(f"{step}: {' '.join(dict.fromkeys(said))}{ELSEWHERE if foreign else ''}") from error


ELSEWHERE = (
    " If a package of your own brings it, install that package in the image of this step too (cluster.image), "
    "in the version that the spec was compiled with."
)
"""What to do about a name that was known where the spec was checked, and is not where its step runs."""


def _may_be_a_packages(details: Mapping[str, Any]) -> bool:
    """Tells whether an error is about a name that is none here: of a kind, a task, a network, a format, a metric, a place."""
    named = details["type"] in ("union_tag_invalid", "literal_error")
    return named or details["msg"].removeprefix("Value error, ").startswith("unknown ")
