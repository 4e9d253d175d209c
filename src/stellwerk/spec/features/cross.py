"""`type: cross`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.section import Section


class Cross(Section):
    """Several columns as one category: lets a wide part learn that two values together matter."""

    TAKES: ClassVar[tuple[str, ...]] = ("int64", "string")
    """Column types of Examples that it can be made from."""
    EXAMPLE: ClassVar[str] = """\
features:
  route: {type: cross, columns: [origin, dest], buckets: 1000}
"""

    type: Literal["cross"]
    columns: Annotated[tuple[str, ...], Field(min_length=2)]
    """Columns of texts or whole numbers; their values are joined and hashed."""
    buckets: Annotated[int, Field(ge=2)] = 1000
    """How many ids the hash has."""
    embedding: Annotated[int, Field(ge=1)] | None = None
    """Width of the learned vector; by default about the fourth root of the number of ids times two."""

    def columns_of(self, name: str) -> tuple[str, ...]:  # noqa: ARG002 - the same for every feature
        """Returns the columns that the feature reads."""
        return self.columns
