"""Whether values are true or false."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.kinds.boolean.keys import Boolean

_WORDS = frozenset((*TRUE_WORDS, *FALSE_WORDS, ""))


def misfit(_feature: Boolean, column: str, values: Counter[Any]) -> tuple[str, str] | None:
    """Refuses a column in which any value is neither true nor false."""
    strange = [value for value in values if not _is_boolean(value)]
    if not strange:
        return None
    shown = ", ".join(sorted(map(str, strange))[:5])
    return "type", f"'{column}' has values that are neither true nor false: {shown}. Use type: category or number."


def _is_boolean(value: Any) -> bool:
    return value.strip().lower() in _WORDS if isinstance(value, str) else value in (0, 1)
