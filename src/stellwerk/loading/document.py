"""A spec as plain values that remember the line, variable or `--set` they came from."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.errors import Problem, SpecError
from stellwerk.loading.variables import Variable, hide

Keys = tuple[str | int, ...]
"""Where a value is: keys and list positions from the top."""

LARGEST_FILE = 1 << 20


@dataclass
class Document:
    """What a YAML file says."""

    file: str
    """The file, as error messages call it."""
    text: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Keys, int] = field(default_factory=dict)
    variables: dict[Keys, tuple[str, tuple[Variable, ...]]] = field(default_factory=dict)
    """Values that came from the environment: what the spec says in their place, and the variables in it."""
    overrides: dict[Keys, str] = field(default_factory=dict)
    """Values that came from the command line: the words that set them."""
    problems: list[Problem] = field(default_factory=list)

    def line(self, keys: Keys) -> int:
        """Returns the line of the value at `keys`, or of the nearest section around it that the file holds."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)

    def problem(self, keys: Keys, message: str) -> Problem:
        """Returns a problem of the value at `keys`, with the file and line, or the `--set`, that it came from.

        What came from the environment is hidden in the message.
        """
        secrets = tuple(variable for _, variables in self.variables.values() for variable in variables)
        message = hide(message, secrets)
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.overrides:
                return Problem(self.overrides[keys[:length]], 0, "" if length == len(keys) else dotted(keys), message)
        return Problem(self.file, self.line(keys), dotted(keys), message)

    def forget(self, keys: Keys) -> None:
        """Forgets where the value at `keys` and what is in it came from."""
        for memory in (self.lines, self.variables, self.overrides):
            for known in [known for known in memory if known[: len(keys)] == keys]:
                del memory[known]

    def present(self, keys: Keys) -> Keys:
        """Returns `keys` without those that lead into a short form: `train.optimizer` for `train.optimizer.type`."""
        for length in range(len(keys)):
            inside = self.value(keys[:length])
            if not isinstance(inside, dict) and not (isinstance(inside, list) and isinstance(keys[length], int)):
                return keys[:length]
        return keys

    def value(self, keys: Keys) -> Any:
        """Returns the value at `keys`, or None where there is none."""
        value: Any = self.values
        try:
            for key in keys:
                value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
        return value


def dotted(keys: Keys) -> str:
    """Returns `evaluate.slices[1][0]` for the keys that lead there."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def read_text(path: Path, file: str) -> str:
    """Returns the text of a spec. Raises SpecError when there is none that can be read."""

    def refused(message: str, line: int = 0) -> SpecError:
        return SpecError([Problem(file, line, "", message)])

    if path.is_dir():
        raise refused(f"is a folder. Name the spec in it, e.g. {Path(file) / 'pipeline.yaml'}.")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise refused("there is no such file. Check the path, or write a spec there.") from None
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror}.") from None
    if len(raw) > LARGEST_FILE:
        raise refused(f"has {len(raw):,} bytes; a spec has at most {LARGEST_FILE:,}. Is it a data file?")
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise refused(f"is not UTF-8: byte 0x{byte:02x} cannot be read. Save the file as UTF-8.", line) from None
