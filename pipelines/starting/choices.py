"""What a column is to the spec that is being written: a feature of some type, or left out; and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One column and what is made of it."""

    column: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the feature; none where the column is left out."""
    why: str = ""
    """What speaks for it, as a comment."""
    sql: str = ""
    """What data.query must make of the column first, where the spec has no word for it."""
    suspect: str = ""
    """Why the column may be a leak, though it stays."""
    out: bool = False
    """Whether it is left out although it could be a feature."""

    @property
    def taken(self) -> bool:
        """Whether the column becomes a feature."""
        return bool(self.settings) and not self.out


def left_out(column: str, why: str) -> Choice:
    """Returns the choice to leave a column out."""
    return Choice(column, why=why)
