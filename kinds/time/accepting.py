"""Whether values are moments of the format that the spec says."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from stellwerk.kinds.time.keys import Time
from stellwerk.moments import likely_format, pattern_of

_ENOUGH = 0.5


def misfit(feature: Time, column: str, values: Counter[Any]) -> tuple[str, str] | None:
    """Refuses a column in which less than half of the values are moments, or whose numbers look like another format's."""
    message = _strange(feature, column, values)
    return ("format", message) if message else None


def _strange(feature: Time, column: str, values: Counter[Any]) -> str:
    is_text = isinstance(next(iter(values)), str)
    if feature.format == "iso" and not is_text:
        return f"iso is text (2013-01-01T05:15:00Z), but '{column}' holds whole numbers. Use another format."
    chosen = feature.format or ("iso" if is_text else "epoch_seconds")
    looks = None if is_text or feature.format else likely_format([int(value) for value in values.elements()])
    if looks is not None:
        return f"'{column}' holds whole numbers such as {looks[0]}, which look like {looks[1]}."
    pattern = re.compile(pattern_of(chosen))
    strange = Counter({value: count for value, count in values.items() if not pattern.fullmatch(str(value).strip())})
    share = 1 - strange.total() / values.total()
    if share >= _ENOUGH:
        return ""
    message = (
        f"only {share:.0%} of the values in '{column}' are times of format {chosen}; one is {next(iter(strange))!r}"
    )
    return f"{message}. Set `format`, or convert it in data.query."
