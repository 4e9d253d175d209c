"""`${VAR}` in values: environment variables, so that one spec serves several places and no secret is written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"(\$?)\$\{([^}\n]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COVER = {ord(sign): chr(0xF0000 + ord(sign)) for sign in "{}[],:#&*!|>'\"%@`?-"}
_UNCOVER = {ord(cover): chr(sign) for sign, cover in _COVER.items()}


@dataclass(frozen=True)
class Variable:
    """A text that came from the environment: it is used and never printed."""

    written: str
    """What the spec says, e.g. `${TOKEN}`."""
    value: str


@dataclass(frozen=True)
class Substituted:
    """A text after its `${VAR}` were replaced."""

    text: str
    variables: tuple[Variable, ...] = ()
    unset: tuple[str, ...] = ()
    """Names without a value and without a default."""
    malformed: tuple[str, ...] = ()
    """References that are none, as written."""


def cover(text: str) -> str:
    """Hides the signs of every `${...}` that mean something in YAML behind private ones of the same length."""
    return _REFERENCE.sub(lambda found: found.group().translate(_COVER), text)


def uncover(text: str) -> str:
    """Undoes `cover`."""
    return text.translate(_UNCOVER)


def substitute(text: str, environment: Mapping[str, str]) -> Substituted:
    """Replaces `${VAR}` and `${VAR:-default}` (also taken where VAR is empty); `$${` stands for `${`."""
    variables: list[Variable] = []
    unset: list[str] = []
    malformed: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        escaped, reference = found.groups()
        if escaped:
            return found.group()[1:]
        name, default_given, default = reference.partition(":-")
        if not _NAME.fullmatch(name):
            malformed.append(found.group())
        elif environment.get(name) or (name in environment and not default_given):
            variables.append(Variable(found.group(), environment[name]))
            return environment[name]
        elif default_given:
            return default
        else:
            unset.append(name)
        return found.group()

    return Substituted(_REFERENCE.sub(replaced, text), tuple(variables), tuple(unset), tuple(malformed))


def hide(message: str, variables: tuple[Variable, ...]) -> str:
    """Returns `message` with every value from the environment replaced by what the spec says."""
    for variable in sorted(variables, key=lambda each: -len(each.value)):
        if variable.value:
            written = variable.written.replace("\\", r"\\")
            message = re.sub(rf"(?<!\w){re.escape(variable.value)}(?!\w)", written, message)
    return message
