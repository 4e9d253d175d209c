"""Whether the values of a column begin as pictures do."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stellwerk.kinds.image.heads import FORMATS, format_of
from stellwerk.kinds.image.keys import Image

_ENOUGH = 0.5


def misfit(feature: Image, column: str, values: Counter[Any]) -> tuple[str, str] | None:  # noqa: ARG001
    """Refuses a column in which less than half of the values are pictures of a format that the model decodes."""
    strange = [value for value in values if value and format_of(value) is None]
    filled = sum(count for value, count in values.items() if value)
    share = sum(values[value] for value in strange) / filled if filled else 0.0
    if share <= _ENOUGH:
        return None
    shown = bytes(strange[0][:8])
    return "type", (
        f"type: image takes the bytes of {', '.join(FORMATS)} files, but {share:.0%} of the values in '{column}' are none; "
        f"one begins with {shown!r}. Convert them, or read the pictures from their files."
    )
