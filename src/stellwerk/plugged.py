"""Sections of which a family has one a member: which of them is meant, a key of theirs says.

What a package brings is among them. One that cannot be used costs only the specs that name it: they get the sentence about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from stellwerk.errors import PlugInError
from stellwerk.families import Family
from stellwerk.section import HOOK, WEIGHTS, Contradiction, Section


def tagged(
    family: Family, key: str, prepared: Callable[[Any], Any], base: type[Section] = Section, short: Any = None
) -> Any:
    """Returns the annotation of a section that is `KEYS` in the part `keys` of one member of a family, the one that `key` names.

    `prepared` is given what the document says before that is looked at; it may make a section of a value of the type `short`. Each
    section has the class `base` among its own.
    """
    sections, broken = members(family, key, base)

    def usable(value: Any) -> Any:
        value = prepared(value)
        named = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(named, str) and named in broken:
            raise Contradiction(((key,), broken[named]))
        return value

    union = reduce(or_, sections.values())
    written = {} if short is None else {"json_schema_input_type": Annotated[union, Field(discriminator=key)] | short}
    return Annotated[union, Field(discriminator=key), BeforeValidator(usable, **written)]


def members(family: Family, key: str, base: type[Section] = Section) -> tuple[dict[str, type[Section]], dict[str, str]]:
    """Returns the sections of the members of a family by name, and of those that cannot be used why."""
    sections: dict[str, type[Section]] = {}
    broken: dict[str, str] = {}
    for name in family:
        try:
            sections[name] = keys_of_member(family, name, key, base)
        except PlugInError as error:
            broken[name] = str(error)
    return sections, broken


def keys_of_member(family: Family, name: str, key: str, base: type[Section] = Section) -> type[Section]:
    """Returns the section of a member.

    Raises PlugInError where the package that brings it has none, or not one that `key` tells apart, or lacks another part.
    """
    family.see(name)
    section = getattr(family.part(name, "keys"), "KEYS", None)
    if not isinstance(section, type) or not issubclass(section, base):
        raise PlugInError(family.lacking(name, "keys.KEYS"))
    field = section.model_fields.get(key)
    if field is None or get_args(field.annotation) != (name,):
        package = family.package(name)
        raise PlugInError(
            f"The {family.word} '{name}' of the package {package} has a section without `{key}: Literal[\"{name}\"]`. "
            f"Mend the package, or remove it."
        )
    return section


def hooks_of(section: Section) -> dict[str, str]:
    """Returns the hooks (`file.py:name`) that a section names, by key: the fields that are of the type `Hook`."""
    return _of_pattern(section, HOOK)


def weights_of(section: Section) -> dict[str, str]:
    """Returns the files of weights, or their URIs, that a section names, by key: the fields that are of the type `Weights`."""
    return _of_pattern(section, WEIGHTS)


def _of_pattern(section: Section, pattern: str) -> dict[str, str]:
    named = {
        field.alias or name: getattr(section, name)
        for name, field in type(section).model_fields.items()
        if any(getattr(one, "pattern", None) == pattern for one in (*field.metadata, *_parts(field.annotation)))
    }
    return {key: reference for key, reference in named.items() if isinstance(reference, str)}


def _parts(annotation: Any) -> Iterator[Any]:
    for one in get_args(annotation):
        yield one
        yield from _parts(one)


def refuse_unusable(family: Family, name: str) -> None:
    """Raises ValueError, with the sentence for the line of the spec that names it, where a member that is a module cannot be used."""
    if name in family.own or name not in family:
        return
    try:
        family.module(name)
    except PlugInError as error:
        raise ValueError(str(error)) from error
