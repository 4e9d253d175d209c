"""What a run is given, checked against what the pipeline takes, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stellwerk.errors import UsageError, did_you_mean

_WORDS = {
    "STRING": "text",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list as JSON, e.g. [1, 2]",
    "STRUCT": 'an object as JSON, e.g. {"a": 1}',
}


def read(texts: Iterable[str], definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Reads `epochs=3` as the pipeline's own definitions say. Raises UsageError for what it does not take."""
    given: dict[str, Any] = {}
    for text in texts:
        name, found, value = text.partition("=")
        if not found:
            raise UsageError(f"-p is NAME=VALUE, e.g. epochs=3, and got '{text}'.")
        if name in given:
            raise UsageError(f"-p {name} is given twice. Give it once.")
        given[name] = _value(name, value, _definition(name, definitions))
    return check(given, definitions)


def check(given: Mapping[str, Any], definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the parameters as they are sent. Raises UsageError for unknown, wrong and missing ones."""
    for name, value in given.items():
        kind = _definition(name, definitions).get("parameterType", "STRING")
        if kind in _FITS and not _FITS[kind](value):
            raise UsageError(f"parameter '{name}' is {_WORDS[kind]}, and got {json.dumps(value, default=str)}.")
    missing = [name for name, each in sorted(definitions.items()) if name not in given and not _optional(each)]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise UsageError(f"the pipeline needs parameter {names}, which has no default. Give it with -p NAME=VALUE.")
    return dict(given)


def _optional(definition: Mapping[str, Any]) -> bool:
    return bool(definition.get("isOptional")) or "defaultValue" in definition


def _definition(name: str, definitions: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if name not in definitions:
        known = ", ".join(sorted(definitions)) or "none"
        raise UsageError(f"the pipeline has no parameter '{name}'.{did_you_mean(name, definitions)} Known: {known}.")
    return definitions[name]


def _value(name: str, text: str, definition: Mapping[str, Any]) -> Any:
    kind = definition.get("parameterType", "STRING")
    if kind == "STRING":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if kind == "NUMBER_DOUBLE" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind in _FITS and not _FITS[kind](value):
        raise UsageError(f"-p {name}: is {_WORDS[kind]}, and got '{text}'.")
    return value


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


_FITS: dict[str, Callable[[Any], bool]] = {
    "STRING": lambda value: isinstance(value, str),
    "NUMBER_INTEGER": lambda value: _number(value) and isinstance(value, int),
    "NUMBER_DOUBLE": _number,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "LIST": lambda value: isinstance(value, list),
    "STRUCT": lambda value: isinstance(value, dict),
}
