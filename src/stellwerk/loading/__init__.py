"""From `pipeline.yaml` to a typed spec, or to every problem in it with its line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stellwerk.errors import Problem, SpecError
from stellwerk.loading.document import Document, Keys, read_text
from stellwerk.loading.files import check_files
from stellwerk.loading.overrides import apply
from stellwerk.loading.parsing import parse
from stellwerk.loading.translation import translate
from stellwerk.showing import without_queries
from stellwerk.spec import Spec


@dataclass(frozen=True)
class LoadedSpec:
    """A spec that was read from a file, and the way back to its lines."""

    spec: Spec
    path: Path
    """The file, as the user named it."""
    directory: Path
    """The folder of the file, absolute: relative paths in the spec start there."""
    text: str
    """What the file says, before variables and overrides, for people: without the queries of URLs, which may be signatures."""
    document: Document = field(repr=False)

    @property
    def lines(self) -> Mapping[Keys, int]:
        """Line of every key and list item that the file holds."""
        return self.document.lines

    def where(self, *keys: str | int) -> tuple[str, int]:
        """Returns the file and the line of the value at `keys`, or of the nearest section that the file holds."""
        problem = self.document.problem(keys, "")
        return problem.file, problem.line

    def problem(self, keys: Sequence[str | int], message: str) -> Problem:
        """Returns a problem at `keys`. Values that came from the environment are hidden in the message."""
        return self.document.problem(tuple(keys), message)


def load(path: str | Path, overrides: Sequence[str] = ()) -> LoadedSpec:
    """Reads a spec, puts environment variables and `overrides` (`train.epochs=1`) into it, and checks it.

    Raises SpecError with every problem at once, UsageError when an override is not of the form KEY=VALUE.
    """
    path = Path(path)
    file = str(path)
    text = read_text(path, file)
    document = parse(text, file, os.environ)
    for override in overrides:
        apply(override, document, os.environ)
    directory = path.absolute().parent
    problems = list(document.problems)
    spec, found = _validated(document, document.values)
    sound = spec or _sound(document, [keys for keys, _ in found])
    if sound is not None:
        found += check_files(sound, directory)
    known = {(problem.file, problem.line, problem.path) for problem in problems}
    translated = [document.problem(keys, message) for keys, message in found]
    problems += [each for each in translated if (each.file, each.line, each.path) not in known]
    if spec is None or problems:
        raise SpecError(problems)
    return LoadedSpec(spec, path, directory, without_queries(text), document)


def _validated(document: Document, values: Mapping[str, Any]) -> tuple[Spec | None, list[tuple[Keys, str]]]:
    try:
        return Spec.model_validate(_tuples(values), strict=True, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, translate(error, document, Spec)


def _tuples(value: Any) -> Any:
    """Makes lists tuples: the spec is frozen, and strict about it."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _sound(document: Document, wrong: Sequence[Keys]) -> Spec | None:
    """Returns the spec without what is wrong in it, so that the rest can still be looked at, or None where too little is left.

    Where something is missing, or a part does not do without what was wrong in it, the section around it is left out too.
    """
    rest = document.values
    while () not in wrong:
        rest = _without(rest, wrong)
        spec, found = _validated(document, rest)
        if spec is not None:
            return spec
        wrong = [keys[:-1] for keys, _ in found]
    return None


def _without(values: Mapping[str, Any], wrong: Sequence[Keys]) -> dict[str, Any]:

    def kept(value: Any, keys: Keys) -> Any:
        if isinstance(value, dict):
            return {key: kept(item, (*keys, key)) for key, item in value.items() if (*keys, key) not in wrong}
        if isinstance(value, list):
            return [kept(item, (*keys, at)) for at, item in enumerate(value) if (*keys, at) not in wrong]
        return value

    rest: dict[str, Any] = kept(values, ())
    return rest


__all__ = ["LoadedSpec", "load"]
