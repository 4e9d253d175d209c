"""Names for the inside of TensorFlow's graphs, where a column may be called anything.

An operation of a graph has a name of few letters and signs, and two names that differ by case only are the same name there. People
see and send the names of their columns; a graph inside has `safe` ones, and `original` leads back.
"""

from __future__ import annotations

import hashlib
import keyword
import re

_PLAIN = re.compile(r"[a-z][a-z0-9_]{0,99}")
_PREFIX = "named_"
_TAKEN = frozenset((*keyword.kwlist, "self"))
"""Words that arguments of a Python function cannot be called, or that TensorFlow's own functions call theirs."""
_UNSAFE = re.compile(r"[^a-z0-9]")
_ESCAPED = re.compile(r"_([0-9a-f]+)_")


def safe(name: str) -> str:
    """Returns a name that TensorFlow takes for an operation, an argument or a layer; no two names have the same one.

    Short names of lower-case letters, digits and underscores stay as they are. Of any other each sign but those letters and digits
    is its number in Unicode, between underscores.
    """
    if _PLAIN.fullmatch(name) and name not in _TAKEN and not name.startswith(_PREFIX):
        return name
    return _PREFIX + _UNSAFE.sub(lambda sign: f"_{ord(sign[0]):x}_", name)


def original(name: str) -> str:
    """Returns the name that `safe` was given."""
    if not name.startswith(_PREFIX):
        return name
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), name.removeprefix(_PREFIX))


def file_name(name: str) -> str:
    """Returns a name for a file: the safe one, or one made of its digest where that is longer than file systems take."""
    found = safe(name)
    return found if len(found) <= 200 else f"{_PREFIX}{hashlib.sha256(name.encode()).hexdigest()}"
