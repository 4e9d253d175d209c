"""Pydantic's errors in the words of a spec: where, what came, what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from stellwerk.errors import did_you_mean
from stellwerk.loading.document import Document, Keys
from stellwerk.loading.structure import Place, branch, choices, expectation, keys_of, members, place, tags
from stellwerk.section import PATTERNS, Contradiction
from stellwerk.spec.meanings import meanings

_LIMITS = {
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}

Found = tuple[Keys, str]


def translate(error: ValidationError, document: Document, root: type[BaseModel]) -> list[Found]:
    """Returns each problem once: the keys where it is, and what is wrong and what to do."""
    unions: dict[Keys, list[tuple[Place, Mapping[str, Any]]]] = {}
    found: list[Found] = []
    short: list[Found] = []
    for details in error.errors(include_url=False):
        at = place(details["loc"], root, root)
        at = replace(at, keys=document.present(at.keys))
        ours = details["type"] == "value_error" and not at.rest  # said of the value, whichever member of a union it is
        if len(members(at.annotation)) > 1 and tags(at.annotation) is None and not at.is_key and not ours:
            unions.setdefault(at.keys, []).append((at, details))
        else:
            (short if details["type"] == "too_short" else found).extend(_messages(at, details, document))
    for several in unions.values():
        found.extend(_union(several, document))
    reported = [keys for keys, _ in found]
    found.extend((keys, text) for keys, text in short if not any(each[: len(keys)] == keys for each in reported))
    return list(dict.fromkeys(found))


def received(document: Document, keys: Keys) -> str:
    """Returns `Received: 'abc'.`; a value that came from the environment is shown as the spec writes it."""
    if keys in document.variables:
        return f"Received: the value of {document.variables[keys][0]}."
    value = document.value(keys)
    if value is None:
        return "Received: nothing (the key is empty)."
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return f"Received: {text if len(text) <= 80 else text[:77] + '...'}."


def _messages(at: Place, details: Mapping[str, Any], document: Document) -> Iterator[Found]:
    """Yields what one error of Pydantic means; a contradiction may have several places."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error" and isinstance(context["error"], Contradiction):
        for keys, text in context["error"].found:
            yield (*at.keys, *keys), _sentence(text)
    elif kind in ("value_error", "metric"):
        yield at.keys, _sentence(str(context.get("error", context.get("text"))))
    elif kind == "extra_forbidden":
        yield at.keys, _unknown("key", str(at.keys[-1]), keys_of(at.around))
    elif kind == "missing":
        yield at.keys, f"is missing. Add it{_meaning(at)}"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        yield _tag(at, document)
    elif kind == "literal_error":
        yield at.keys, _choice(at, document)
    elif kind == "string_pattern_mismatch":
        subject = f"the name '{at.keys[-1]}' " if at.is_key else ""
        yield (
            at.keys,
            f"{subject}{PATTERNS[context['pattern']]}. {'' if at.is_key else received(document, at.keys)}".rstrip(),
        )
    elif kind == "too_short":
        yield at.keys, f"must have at least {_entries(context['min_length'])}. {received(document, at.keys)}"
    else:
        must = _LIMITS[kind].format(**context) if kind in _LIMITS else f"must be {expectation(at.annotation)}"
        yield at.keys, f"{must}. {received(document, at.keys)}{_advice(at, document)}"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _meaning(at: Place) -> str:
    key = at.keys[-1]
    for name, field in at.around.model_fields.items():
        if key in (field.alias, name) and name in meanings(at.around):
            return f": {meanings(at.around)[name]}"
    return "."


def _entries(number: int) -> str:
    return "one entry" if number == 1 else f"{number} entries"


def _unknown(what: str, word: str, known: Iterable[Any]) -> str:
    names = [str(each) for each in known]
    return f"unknown {what} '{word}'.{did_you_mean(word, names)} Known: {', '.join(names)}."


def _tag(at: Place, document: Document) -> Found:
    tagged = tags(at.annotation)
    assert tagged is not None  # noqa: S101 - Pydantic says it is a union with tags
    key, known = tagged
    keys = (*at.keys, key)
    section = document.value(at.keys)
    if isinstance(section, str) and at.keys not in document.variables:  # short for the section of that name
        return at.keys, _unknown(str(at.keys[-1]), section, known)
    if not isinstance(section, dict) or key not in section:
        return at.keys, f"the key '{key}' is missing. Known: {', '.join(known)}."
    if not isinstance(section[key], str) or keys in document.variables:
        return keys, f"must be one of {', '.join(known)}. {received(document, keys)}"
    return keys, _unknown("value" if key == "by" else key, section[key], known)


def _choice(at: Place, document: Document) -> str:
    known = choices(at.annotation)
    value = at.keys[-1] if at.is_key else document.value(at.keys)
    if not isinstance(value, str) or (at.keys in document.variables and not at.is_key):
        return f"must be one of {', '.join(map(str, known))}. {received(document, at.keys)}"
    named = at.keys[-1]
    return _unknown("name" if at.is_key else "value" if isinstance(named, int) else named, value, known)


def _advice(at: Place, document: Document) -> str:
    value = document.value(at.keys)
    tagged = tags(at.annotation)
    if tagged is not None and isinstance(value, str) and value in tagged[1]:
        return f" Write {{{tagged[0]}: {value}}}."
    if members(at.annotation) == (str,) and isinstance(value, (int, float)):
        return " Put it in quotes."
    if members(at.annotation) == (bool,) and value in ("yes", "no", "on", "off"):
        return " Write true or false."
    return ""


def _union(several: list[tuple[Place, Mapping[str, Any]]], document: Document) -> Iterator[Found]:
    """Yields one problem for a value that suits no member of a union, or those inside the member it was meant for."""
    at = several[0][0]
    value = document.value(at.keys)
    meant = branch(at.annotation, value)
    inside = [(each, details) for each, details in several if each.rest and details["type"] != "too_short"]
    if meant is not None and inside:
        for each, details in inside:
            inner = place(each.rest, meant, at.around, at.keys)
            yield from _messages(inner, details, document)
        return
    near = ""
    if isinstance(value, str) and at.keys not in document.variables:
        near = did_you_mean(value, map(str, choices(at.annotation)))
    yield at.keys, f"must be {expectation(at.annotation)}. {received(document, at.keys)}{near}"
