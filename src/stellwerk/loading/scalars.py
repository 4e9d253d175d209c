"""What a plain word of YAML means: YAML 1.2's core schema, in which `no` is a country and `10:30` a time of day."""

from __future__ import annotations

import re
from collections.abc import Callable

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", "", 1))),
)
_LONGEST_NUMBER = 400


def resolve(text: str) -> Scalar:
    """Returns the value of a scalar that was written without quotes.

    YAML 1.1, which PyYAML follows, makes `no` false, `10:30` the number 630 and `1e-3` a text.
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    for form, number in _NUMBERS:
        if form.fullmatch(text):
            return number(text)
    return text
