"""Plain values as YAML on one line, quoted where a spec would read them as something else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stellwerk.loading.scalars import resolve

_PLAIN = re.compile(r"(\.{0,2}/)*[^\W\d][\w.()/%+-]*( [\w.()/%+-]+)*")


def flow(value: Any) -> str:
    """Returns a value as YAML's short form: `{type: number}`, `[a, b]`, `text`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Returns a text, a number or a boolean so that a spec reads it as just that."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    written = value.replace("${", "$${")
    if _PLAIN.fullmatch(written) and resolve(written) == written and len(written) <= 120:
        return written
    return json.dumps(written, ensure_ascii=False)


def comment(text: str) -> str:
    """Returns a text as it may stand in a comment: one line, and nothing that a terminal or YAML takes for a sign."""
    return "".join(each if each.isprintable() else " " for each in " ".join(text.split()))
