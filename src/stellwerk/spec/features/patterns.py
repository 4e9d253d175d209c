"""Features by pattern: one entry for many columns, as `pixel_*: {type: number}`.

Which columns a pattern means is known once the data are: `check` sees them, and in a run ingest and transform, which all ask here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

_SIGNS = frozenset("*?")


def is_pattern(name: str, feature: Any) -> bool:
    """Tells whether an entry means many columns: its name has `*` or `?`, and it names no column of its own."""
    reads = getattr(feature, "column", None) or getattr(feature, "columns", None)
    return not reads and has_signs(name)


def has_signs(name: str) -> bool:
    """Tells whether a name has `*` (any letters, or none) or `?` (any one letter)."""
    return not _SIGNS.isdisjoint(name)


def winner(column: str, patterns: Iterable[str]) -> str | None:
    """Returns the pattern that decides about a column: of those that match the one with the most letters of its own."""
    matching = [pattern for pattern in patterns if _compiled(pattern).fullmatch(column)]
    return max(matching, key=lambda pattern: (sum(sign not in _SIGNS for sign in pattern), pattern), default=None)


def expand(features: Mapping[str, Any], columns: Iterable[str], apart: Iterable[str]) -> dict[str, Any]:
    """Returns the features with each pattern replaced by its columns, in the order of the data.

    A column that another feature reads, or that is one of `apart` (the target, what splits the rows), belongs to no pattern.
    """
    patterns = [name for name, feature in features.items() if is_pattern(name, feature)]
    if not patterns:
        return dict(features)
    plain = {name: feature for name, feature in features.items() if name not in patterns}
    taken = {*apart, *plain, *(column for name, feature in plain.items() for column in feature.columns_of(name))}
    of_pattern: dict[str | None, list[str]] = {pattern: [] for pattern in patterns}
    for column in columns:
        if column not in taken:
            of_pattern.setdefault(winner(column, patterns), []).append(column)
    made: dict[str, Any] = {}
    for name, feature in features.items():
        made.update(dict.fromkeys(of_pattern[name], feature) if name in of_pattern else {name: feature})
    return made


class Names(frozenset[str]):
    """Names of columns, some of them patterns: `in` asks whether a column is meant."""

    apart: frozenset[str] = frozenset()
    """Names and patterns that are decided elsewhere: a column that is one of them, or matches one better, is not meant."""

    @classmethod
    def of(cls, names: Iterable[str], apart: Iterable[str] = ()) -> Names:
        """Makes them."""
        made = cls(names)
        made.apart = frozenset(apart)
        return made

    def without(self, columns: Iterable[str]) -> Names:
        """Returns them without these columns."""
        return Names.of(self - frozenset(columns), self.apart | frozenset(columns))

    def __contains__(self, column: object) -> bool:
        if super().__contains__(column) or not isinstance(column, str) or column in self.apart:
            return super().__contains__(column)
        best = winner(column, filter(has_signs, self | self.apart))
        return best is not None and super().__contains__(best)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)
