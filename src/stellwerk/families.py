"""Families: what the product has several of by name, so that a new one is a module and one line, or a package of somebody's own.

A family is a literal table of import paths, and the entry points of every installed package in the group `stellwerk.<family>`:

    [project.entry-points."stellwerk.formats"]
    ledger = "acme.ledger:FORMAT"

Nothing is imported before it is asked for. A package that does not import, or that takes a name which another has, costs its own
members only: whoever asks for one gets a sentence that names the package, and all else works.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

from stellwerk.errors import PlugInError, UsageError
from stellwerk.unimported import wrong_with

GROUPS = "stellwerk."
"""What the groups of entry points begin with."""

T = TypeVar("T")


@dataclass(frozen=True)
class PlugIn:
    """A member that an installed package brings."""

    group: str
    name: str
    path: str
    """Import path: `module`, or `module:attribute`."""
    package: str
    """The distribution and its version, for people."""


@dataclass(frozen=True)
class Family:
    """Members by name. Iterating gives the names: the product's own in the order of its table, then those of packages."""

    name: str
    """The group of its entry points is `stellwerk.<name>`."""
    word: str
    """What one member is called, in sentences."""
    own: Mapping[str, str]
    """The product's: name -> import path, `module` or `module:attribute`."""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The modules that every member has, where they are packages, and the names in each."""
    names: tuple[str, ...] = ()
    """The names in every member, where they are modules."""

    def __iter__(self) -> Iterator[str]:
        return iter((*self.own, *(name for name in self.plug_ins if name not in self.own)))

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.plug_ins

    @property
    def plug_ins(self) -> dict[str, tuple[PlugIn, ...]]:
        """What packages bring, by name; several under one name cannot be told apart."""
        found: dict[str, tuple[PlugIn, ...]] = {}
        for one in installed():
            if one.group == GROUPS + self.name:
                found[one.name] = (*found.get(one.name, ()), one)
        return dict(sorted(found.items()))

    def load(self, name: str) -> Any:
        """Returns a member: its module, or the object that its import path names.

        Raises UsageError where there is none of that name, and PlugInError where the package that brings it does not import,
        or is not the only one with that name.
        """
        if name in self.own:
            return _imported(self.own[name])
        one = self._plug_in(name)
        try:
            return _imported(one.path)
        except Exception as error:
            raise PlugInError(self._broken(one, error)) from error

    def part(self, name: str, part: str) -> Any:
        """Returns one part of a member that is a package: the module of that name in it.

        Raises as `load` does, and PlugInError where the package that brings the member lacks the part.
        """
        if name in self.own:
            return import_module(f"{self.own[name]}.{part}")
        found = self.find(name, part)
        if found is None:
            raise PlugInError(self.lacking(name, part))
        self._see_names(name, found, self.parts.get(part, ()), f"{part}.")
        return found

    def find(self, name: str, part: str) -> Any | None:
        """Returns one part of a member that is a package, or None where it has no module of that name: not every member has every part.

        Raises as `load` does.
        """
        path = f"{self.own[name] if name in self.own else self._plug_in(name).path}.{part}"
        try:
            return import_module(path)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and error.name == path:
                return None
            if name in self.own:
                raise
            raise PlugInError(self._broken(self._plug_in(name), error)) from error

    def see(self, name: str) -> None:
        """Sees by its text that a member of a package has all that every member has; nothing that may load a framework is imported.

        Raises PlugInError where something is not there, or cannot be imported.
        """
        if name in self.own:
            return
        one = self._plug_in(name)
        for part, names in self.parts.items() or (("", self.names),):
            try:
                wrong = wrong_with(f"{one.path}.{part}".rstrip("."), names)
            except Exception as error:
                if isinstance(error, ModuleNotFoundError) and error.name == f"{one.path}.{part}":
                    raise PlugInError(self.lacking(name, part)) from error
                raise PlugInError(self._broken(one, error)) from error
            if wrong and wrong[0]:
                raise PlugInError(self.lacking(name, f"{part}.{wrong[0]}".lstrip(".")))
            if wrong:
                raise PlugInError(self._unloaded(one, wrong[1]))

    def module(self, name: str) -> Any:
        """Returns a member that is a module. Raises as `load` does, and PlugInError where it lacks one of the names that every one has."""
        found = self.load(name)
        self._see_names(name, found, self.names)
        return found

    def _see_names(self, name: str, module: Any, names: Iterable[str], before: str = "") -> None:
        for wanted in names:
            if name not in self.own and not hasattr(module, wanted):
                raise PlugInError(self.lacking(name, f"{before}{wanted}"))

    def package(self, name: str) -> str:
        """Returns the package that brings a member, for people; nothing for one of the product's own."""
        return "" if name in self.own else self._plug_in(name).package

    def lacking(self, name: str, part: str) -> str:
        """Returns the sentence about a member of a package that has not all that every member has."""
        one = self._plug_in(name)
        return (
            f"The {self.word} '{name}' of the package {one.package} has no '{part}' ({one.path}), which every {self.word} has. "
            f"Install a version of the package that fits this one of stellwerk, or remove it."
        )

    def brought(self, kind: type[T], paths: Callable[[T], Iterable[str]]) -> tuple[dict[str, T], dict[str, str]]:
        """Loads what packages bring to a table of values, each a `kind` with its name in `name`.

        `paths` gives the import paths in one, all that it cannot be used without; they are not imported here.

        Returns them by name, and of those that cannot be used why: for a sentence to who names one.
        """
        found: dict[str, T] = {}
        broken: dict[str, str] = {}
        for name in self.plug_ins:
            if name in self.own:
                continue
            try:
                value = self._value(name, kind)
                self._see(name, kind, paths(value))
                found[name] = value
            except PlugInError as error:
                broken[name] = str(error)
        return found, broken

    def _value(self, name: str, kind: type[T]) -> T:
        value = self.load(name)
        if not isinstance(value, kind) or getattr(value, "name", name) != name:
            one = self._plug_in(name)
            raise PlugInError(
                f"The {self.word} '{name}' of the package {one.package} is no {kind.__name__} of that name ({one.path}). "
                f"Mend the package, or remove it."
            )
        return value

    def _see(self, name: str, kind: type, paths: Iterable[str]) -> None:
        """Raises PlugInError where an import path that a value names is empty, or no module is there."""
        one = self._plug_in(name)
        for path in paths:
            module = path.partition(":")[0]
            try:
                there = bool(module) and find_spec(module) is not None
            except Exception as error:
                raise PlugInError(self._broken(one, error)) from error
            if not there:
                what = (
                    f"names '{path}', which is not there"
                    if path
                    else f"is a {kind.__name__} that names nothing which does it"
                )
                raise PlugInError(
                    f"The {self.word} '{name}' of the package {one.package} {what} ({one.path}). Mend the package, or remove it."
                )

    def shadowed(self) -> list[str]:
        """Returns a sentence for each member of a package that has a name of the product's own, and is therefore not used."""
        return [
            f"The package {one.package} brings a {self.word} '{name}', which is the name of one of stellwerk's own: it is not used."
            for name, several in self.plug_ins.items()
            for one in several
            if name in self.own
        ]

    def _plug_in(self, name: str) -> PlugIn:
        several = self.plug_ins.get(name, ())
        if not several:
            near = difflib.get_close_matches(name, list(self), 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(self)}."
            raise UsageError(f"There is no {self.word} '{name}'. {hint}")
        if len(several) > 1:
            packages = " and ".join(one.package for one in several)
            raise PlugInError(f"The {self.word} '{name}' is in the packages {packages}. Remove all but one of them.")
        return several[0]

    def _broken(self, one: PlugIn, error: Exception) -> str:
        return self._unloaded(one, f"{type(error).__name__}: {error}")

    def _unloaded(self, one: PlugIn, why: str) -> str:
        said = why.rstrip(".: ")
        return (
            f"The {self.word} '{one.name}' of the package {one.package} cannot be loaded from {one.path}: {said}. "
            f"Mend the package, or remove it."
        )


@cache
def installed() -> tuple[PlugIn, ...]:
    """Returns what all installed packages bring, of all families. The metadata are looked at once in a process."""
    if not _any():
        return ()
    from importlib.metadata import distributions  # noqa: PLC0415 - 30 ms that few need

    found: dict[tuple[str, str, str], PlugIn] = {}
    for distribution in distributions():
        package = f"{distribution.metadata['Name']} {distribution.version}"
        for point in distribution.entry_points:
            if point.group.startswith(GROUPS):
                found.setdefault(
                    (
                        point.group,
                        point.name,
                        distribution.metadata["Name"],
                    ),  # the first on the path is the one imported
                    PlugIn(point.group, point.name, point.value, package),
                )
    return tuple(found.values())


def _any() -> bool:
    """Whether any package on the path has entry points of ours: 6 ms, where reading all metadata takes 50."""
    for folder in sys.path:
        try:
            entries = list(os.scandir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(entry.path, "entry_points.txt"), "rb") as stream:  # noqa: PTH118, PTH123
                        if b"[" + GROUPS.encode() in stream.read():
                            return True
                except OSError:
                    continue
    return False


def _imported(path: str) -> Any:
    module, _, attribute = path.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def names_of(protocol: type) -> tuple[str, ...]:
    """Returns the names that a Protocol asks of a module."""
    return tuple(name for name in (*protocol.__annotations__, *vars(protocol)) if not name.startswith("_"))
