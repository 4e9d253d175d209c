"""What people write between groups of three digits: several signs that look alike count as one."""

from __future__ import annotations

import re

_ALIKE = {" ": "\u00a0\u202f\u2009", "'": "\u2019"}
"""Signs that are written in the place of an ASCII one: no-break, narrow no-break and thin spaces, and the typographic apostrophe."""
GROUPING = "".join(plain + others for plain, others in _ALIKE.items())
"""What stands between groups of digits besides commas and points."""


def plain_mark(mark: str) -> str:
    """Returns the ASCII sign that readers know instead of a mark between groups of digits; nothing where there is none."""
    if mark.isascii():
        return mark
    return next((plain for plain, others in _ALIKE.items() if mark in others), "'")


def others(mark: str) -> str:
    """Returns the signs that stand for `plain_mark(mark)` in a file and are not it."""
    plain = plain_mark(mark)
    return _ALIKE.get(plain, "") + ("" if mark == plain or mark in _ALIKE.get(plain, "") else mark)


def with_plain_marks(text: str, mark: str) -> str:
    """Returns a text whose digits have the plain mark between groups of three, in as many letters; all else stays."""
    return re.sub(f"(?<=[0-9])[{others(mark)}](?=[0-9]{{3}})", plain_mark(mark), text) if others(mark) else text
