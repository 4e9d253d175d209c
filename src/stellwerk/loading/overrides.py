"""`--set train.epochs=1`: changes a spec from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellwerk.errors import Problem, SpecError, UsageError
from stellwerk.loading.document import Document, Keys
from stellwerk.loading.parsing import parse_value


def apply(override: str, document: Document, environment: Mapping[str, str]) -> None:
    """Writes `key.key=value` into the document; the value is YAML, also with `${VAR}`.

    Sections on the way are made where they are missing. Raises UsageError when `override` is not of that form; a way that
    leads through a value that is no section is one of the document's `problems`.
    """
    way, equals, text = override.partition("=")
    parts = way.strip().split(".")
    if not equals or not all(parts):
        raise UsageError(f"--set takes KEY=VALUE, e.g. --set train.epochs=1. Received: '{override}'.")
    label = f"--set {way.strip()}"
    try:
        parsed = parse_value(text, environment)
    except SpecError as error:
        parsed = Document("the value", text, problems=[*error.problems])
    if parsed.problems:
        document.problems += [Problem(label, 0, "", f"the value: {problem.message}") for problem in parsed.problems]
        return
    keys = _write(document, parts, parsed.value(("value",)), label)
    if keys is not None:
        document.forget(keys)
        document.overrides[keys] = label
        document.variables |= {(*keys, *below[1:]): found for below, found in parsed.variables.items()}


def _write(document: Document, parts: list[str], value: Any, label: str) -> Keys | None:
    inside: Any = document.values
    keys: Keys = ()
    for part in parts[:-1]:
        if isinstance(inside, dict):
            inside[part] = {} if inside.get(part) is None else inside[part]
        key = _key(inside, part)
        if key is None:
            break
        inside, keys = inside[key], (*keys, key)
    key = _key(inside, parts[-1])
    if key is None or len(keys) < len(parts) - 1:
        place = ".".join(map(str, keys)) or "the spec"
        if isinstance(inside, list):
            message = (
                f"{place} is a list of {len(inside)}: go on with the position of an item, from 0, or set it whole."
            )
        else:
            message = f"{place} is no section but a single value. Set it whole: --set {place}=VALUE."
        document.problems.append(Problem(label, 0, "", message))
        return None
    inside[key] = value
    return (*keys, key)


def _key(inside: Any, part: str) -> str | int | None:
    """Returns the key or position that `part` means in a section or list, or None where it means nothing."""
    if isinstance(inside, dict):
        return part
    if isinstance(inside, list) and part.isdecimal() and int(part) < len(inside):
        return int(part)
    return None
