"""Which series got no forecast, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stellwerk.showing import listed
from stellwerk.spec.data import Windows

SHORT, GAP, AHEAD, NONE = "short", "gap", "ahead", "none"

SHOWN = 4
"""Names of series that are told of each reason."""


@dataclass
class Left:
    """Series without a forecast, by why there is none, and rows that count twice."""

    windows: Windows
    series: int = 0
    doubled: int = 0
    names: dict[str, list[str]] = field(default_factory=dict)
    many: Counter[str] = field(default_factory=Counter)

    def add(self, why: str, name: str) -> None:
        """Notes a series."""
        self.many[why] += 1
        kept = self.names.setdefault(why, [])
        if name and len(kept) < SHOWN:
            kept.append(name)

    def sentences(self) -> list[str]:
        """Returns what a person should know of it."""
        past, future = self.windows.past, self.windows.future
        words = {
            SHORT: f"are shorter than the {past} steps that the model looks back on",
            GAP: f"have a gap or a missing value in their last {past} steps",
            AHEAD: f"lack what is known ahead in the {future} steps behind their last value",
            NONE: "have no value at all",
        }
        found = [
            f"{many:,} of {self.series:,} series {words[why]}, and got no answer{self._named(why)}."
            for why, many in self.many.items()
        ]
        if self.doubled:
            found.append(f"{self.doubled:,} rows have the moment of another row of their series, and were left out.")
        return found

    def _named(self, why: str) -> str:
        names = self.names[why]
        return f": {listed(names)}{', ...' if self.many[why] > len(names) else ''}" if names else ""
