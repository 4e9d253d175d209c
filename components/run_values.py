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
        said = []
        for details in error.errors(include_url=False):
            path = (name, *(str(key) for key in details["loc"]))
            above = [places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places]
            what = details["msg"].removeprefix("Value error, ")
            said.append(f"{(above or ['.'.join(path)])[0]}: {what}. Received: {details['input']!r}.")
        raise StepFailed(f"{step}: {' '.join(dict.fromkeys(said))}") from error
