"""Cron expressions, as people write them and as Kubeflow reads them.

Kubeflow's scheduler counts from the seconds: it reads the usual five fields `0 3 * * *` as second 0 of minute 3 of every hour.
"""

from __future__ import annotations

import re

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")

_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 6, DAYS),
)
_PART = re.compile(r"(?P<first>\*|\?|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


def with_seconds(cron: str) -> str:
    """Returns the expression with six fields, seconds first; a nickname as it is.

    Raises ValueError, with what is wrong, for what Kubeflow's scheduler could not read.
    """
    if cron.startswith("@"):
        if cron not in NICKNAMES:
            raise ValueError(f"unknown nickname. Known: {', '.join(NICKNAMES)}. For an interval use `every`")
        return cron
    fields = cron.split()
    if len(fields) not in (5, 6):
        raise ValueError(
            "must have five fields (minute, hour, day of the month, month, day of the week), or six with seconds"
        )
    fields = fields if len(fields) == 6 else ["0", *fields]
    for text, (name, lowest, highest, words) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            _check(part, name, lowest, highest, words)
    return " ".join(fields)


def _check(part: str, name: str, lowest: int, highest: int, words: tuple[str, ...]) -> None:
    found = _PART.fullmatch(part)
    if found is None:
        raise ValueError(f"'{part}' is no {name}")
    limits = [_number(text, name, lowest, highest, words) for text in (found["first"], found["last"]) if text]
    if limits[0] is None and len(limits) == 2:
        raise ValueError(f"'{part}' is no {name}")
    if len(limits) == 2 and limits[0] > limits[1]:  # type: ignore[operator]  # both are numbers
        raise ValueError(f"'{part}' is no {name}: it ends before it begins")
    if found["step"] is not None and int(found["step"]) == 0:
        raise ValueError(f"'{part}' is no {name}: a step is at least 1")


def _number(text: str, name: str, lowest: int, highest: int, words: tuple[str, ...]) -> int | None:
    if text in ("*", "?"):
        return None
    number = words.index(text.lower()) + lowest if text.lower() in words else None
    if number is None and text.isdecimal():
        number = int(text)
    if number is None or not lowest <= number <= highest:
        named = f", or {words[0]} to {words[-1]}" if words else ""
        raise ValueError(f"'{text}' is no {name}, which is {lowest} to {highest}{named}")
    return number
