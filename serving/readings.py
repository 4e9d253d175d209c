"""Values as people write them, for inputs that are numbers: truth values, whole floats, and dates and times.

Training reads true as 1, 3.0 as the whole number 3 where it is a code, and a date as seconds since 1970; who asks may write them so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stellwerk.moments import seconds

WORDS = {"true": 1, "false": 0}


def number(value: Any, whole: bool) -> Any:
    """Returns the number that a JSON value stands for where an input is one, whole or not; the value itself where it is none."""
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, float) and whole and value.is_integer():
        return int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        word = WORDS.get(value.strip().lower())
        moment = seconds(value) if word is None else word
        return value if moment is None else moment
    return value
