"""A spec as plain values that remember the line, variable or `--set` they came from."""

from __future__ import annotations

import codecs
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.errors import Problem, SpecError
from stellwerk.loading.variables import Variable, hide
from stellwerk.tables.formats import ENDINGS, PACKED

Keys = tuple[str | int, ...]
"""Where a value is: keys and list positions from the top."""

LARGEST_FILE = 1 << 20

_EITHER = (".json", ".txt")
"""Endings of data that a spec may have as well."""


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
        raise refused(_folder(path, file))
    if path.exists() and is_data_by_name(path):
        raise refused(_data(file))
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise refused("there is no such file. Check the path, or write a spec there.") from None
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror}.") from None
    if _looks_like_rows(raw):
        raise refused(_data(file))
    if len(raw) > LARGEST_FILE:
        raise refused(f"has {len(raw):,} bytes; a spec has at most {LARGEST_FILE:,}. Is it a data file?")
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise refused(f"is not UTF-8: byte 0x{byte:02x} cannot be read. Save the file as UTF-8.", line) from None


def is_data_by_name(path: Path) -> bool:
    """Tells whether the ending of a file, packed or not, is one that only data has."""
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    plain = bool(endings) and endings[-1] in ENDINGS and endings[-1] not in _EITHER
    return plain or (bool(endings) and endings[-1] in PACKED and endings[0] in ENDINGS)


def _looks_like_rows(raw: bytes) -> bool:
    """Tells whether a file holds rows: Parquet, a JSON array, or one JSON object a line."""
    lines = raw[: 1 << 16].lstrip().splitlines()
    if raw.startswith(b"PAR1") or not lines:
        return raw.startswith(b"PAR1")
    one_a_line = len(lines) > 1 and lines[0].endswith(b"}") and lines[1].startswith(b"{")
    return (lines[0].startswith(b"{") and one_a_line) or (
        lines[0].startswith(b"[") and b"{" in b"".join(lines[:2]) and b'"' in b"".join(lines[:3])
    )


def _data(file: str) -> str:
    return f"is data and no spec. `stellwerk init {shlex.quote(file)}` looks at it and writes a spec."


def _folder(path: Path, file: str) -> str:
    named = Path(file) / "pipeline.yaml"
    if not list(path.glob("*.y*ml")) and any(map(is_data_by_name, path.iterdir())):
        return f"is a folder of data, and there is no spec in it. `stellwerk init {shlex.quote(file)}` writes one."
    return f"is a folder. Name the spec in it, e.g. {named}."
