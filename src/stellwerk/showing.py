"""What a message, a log or a record shows of names, addresses and sizes: of long ones the two ends, and of a URL never its query."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MOST, _READABLE = 30, 60
"""Names that a message lists at most, and characters it shows of each."""
_LONGEST, _BEGIN, _END = 300, 100, 40
"""Characters of a single name that a message shows whole: a path may need them. What it shows of a longer one."""
_LONG = re.compile(
    rf"\S{{{_LONGEST + 1},}}"
    rf"|'[^'\n]{{{_LONGEST},}}'"
    rf"|[^.,:;()'\"\n]{{{2 * _LONGEST},}}"  # so long without a sign: no sentence, but a name with blanks
)
_WORD = re.compile(r"""(?:\$\{[^}\n]{0,200}\}|[^\s"'<>{}\[\]])+""")
_WEB = re.compile("https?://", re.IGNORECASE)
_BEHIND = ",.;:)\\"
"""Signs behind a URL that are those of the text around it."""


def readable(text: str) -> str:
    """Returns a message with every name in it cut at a readable length, and without the queries of URLs."""
    return _LONG.sub(_cut, without_queries(text))


def _cut(found: re.Match[str]) -> str:
    text = found.group()
    return f"{text[:_BEGIN]}…{text[-_END:]}"


def without_queries(text: str) -> str:
    """Returns a text with `…` for what follows the `?` in its URLs of the web: whoever has a signed one may read the object."""
    return _WORD.sub(_without_query, text) if "?" in text and _WEB.search(text) else text


def _without_query(found: re.Match[str]) -> str:
    word = found.group()
    begins = _WEB.search(word)
    mark = word.find("?", begins.end()) + 1 if begins else 0
    query = word[mark:].rstrip(_BEHIND)
    return f"{word[:mark]}…{word[mark + len(query) :]}" if mark and query else word


def short(name: str) -> str:
    """Returns a name for a list or a table: of a long one the beginning."""
    return name if len(name) <= _READABLE else f"{name[: _READABLE - 1]}…"


def listed(names: Iterable[str]) -> str:
    """Returns names for a message, divided by commas: the first thirty, of long ones the beginning, and how many there are."""
    all_names = list(names)
    shown = ", ".join(map(short, all_names[:_MOST]))
    return shown + (f", … ({len(all_names):,} in all)" if len(all_names) > _MOST else "")


def few(names: Iterable[str], most: int = 3) -> str:
    """Returns the first names for a message that is not about all of them: `a, b, c and 4 more`."""
    all_names = list(names)
    return ", ".join(all_names[:most]) + (f" and {len(all_names) - most:,} more" if len(all_names) > most else "")


def size(count_of_bytes: float) -> str:
    """Returns a number of bytes in decimal units: `812 kB`, `1.2 GB`."""
    value = float(count_of_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
