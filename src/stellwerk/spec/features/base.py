"""What every feature has in common."""

from __future__ import annotations

from stellwerk.section import Section


class SingleColumn(Section):
    """A feature made from one column."""

    column: str | None = None
    """Column it is made from; by default the one with the feature's own name."""

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Returns the columns that the feature called `name` reads."""
        return (self.column or name,)
