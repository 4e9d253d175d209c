"""What the spec expects at a place: walks the type annotations of its classes beside the keys of a document."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from stellwerk.loading.document import Keys

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_PLURALS = {str: "texts", int: "whole numbers", float: "numbers", tuple: "lists", Literal: "words"}


@dataclass(frozen=True)
class Place:
    """A place in the document and the type that the spec expects there."""

    keys: Keys
    annotation: Any
    around: type[BaseModel]
    """The innermost class of the spec that it is in."""
    is_key: bool = False
    """Whether the key itself is meant and not its value; `annotation` is the key's then."""
    rest: tuple[str | int, ...] = ()
    """At a union of plain types: the rest of Pydantic's location inside one of its members."""


def members(annotation: Any) -> tuple[Any, ...]:
    """Returns the types that `annotation` allows, without `Annotated` and None; one unless it is a union."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(found for part in get_args(annotation) if part is not type(None) for found in members(part))
    return (annotation,)


def is_section(annotation: Any) -> bool:
    """Tells whether `annotation` is a class of the spec."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def keys_of(section: type[BaseModel]) -> dict[str, Any]:
    """Returns the annotation of every key of a section, by the key as it is written."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def tags(annotation: Any) -> tuple[str, dict[str, type[BaseModel]]] | None:
    """Returns the key that tells the members of a union of sections apart (`type`, `by`) and the members by its value."""
    sections = members(annotation)
    if len(sections) < 2 or not all(is_section(section) for section in sections):
        return None
    for key in keys_of(sections[0]):
        values = [get_args(keys_of(section).get(key)) for section in sections]
        if all(len(value) == 1 for value in values):
            return key, {value[0]: section for value, section in zip(values, sections, strict=True)}
    return None


def place(location: Sequence[str | int], annotation: Any, around: type[BaseModel], keys: Keys = ()) -> Place:
    """Returns the place that Pydantic's error location means.

    The location also holds what no file does: the tag of a union's member, the name of a plain union's branch, '[key]'.
    """
    if not location:
        return Place(keys, annotation, around)
    first, rest = location[0], tuple(location[1:])
    allowed = members(annotation)
    tagged = tags(annotation)
    if tagged is not None:
        return place(rest, tagged[1][str(first)], around, keys)
    if len(allowed) > 1:
        return Place(keys, annotation, around, rest=rest)
    if is_section(allowed[0]):
        return place(rest, keys_of(allowed[0]).get(str(first)), allowed[0], (*keys, first))
    if rest[:1] == ("[key]",):
        return Place((*keys, first), get_args(allowed[0])[0], around, is_key=True)
    return place(rest, item_of(allowed[0]), around, (*keys, first))


def item_of(annotation: Any) -> Any:
    """Returns the type of the values of a dict, or of the items of a list or tuple; None where there are none."""
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if get_origin(annotation) in (list, tuple) else None


def branch(annotation: Any, value: Any) -> Any:
    """Returns the member of a plain union that a list or a section was meant for, or None."""
    for member in members(annotation):
        kind = get_origin(member) or member
        if isinstance(value, (list, tuple)) and kind in (list, tuple):
            return member
        if isinstance(value, dict) and (kind is dict or is_section(kind)):
            return member
    return None


def choices(annotation: Any) -> tuple[Any, ...]:
    """Returns the values that the literals in `annotation` name."""
    return tuple(value for part in members(annotation) if get_origin(part) is Literal for value in get_args(part))


def expectation(annotation: Any) -> str:
    """Returns what `annotation` asks for, in words: `text or a list of texts`."""
    tagged = tags(annotation)
    if tagged is not None:
        return f"a section with the key '{tagged[0]}'"
    words = [str(value).lower() if isinstance(value, bool) else f"'{value}'" for value in choices(annotation)]
    words += [_words(part) for part in members(annotation) if get_origin(part) is not Literal]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _words(kind: Any) -> str:
    origin = get_origin(kind)
    if kind in _WORDS:
        return _WORDS[kind]
    if origin in (list, tuple):
        item = members(item_of(kind))[0]
        return f"a list of {_PLURALS.get(get_origin(item) or item, 'sections')}"
    if is_section(kind):
        return f"a section with the keys {', '.join(keys_of(kind))}"
    return "a moment (2013-10-01 or 2013-10-01T05:00:00Z)" if kind is datetime else "a section with keys and values"
