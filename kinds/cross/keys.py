"""`type: cross`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import Keys, Reads


class Cross(Keys):
    """Several columns as one category: lets a wide part learn that two values together matter."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "int64", "string": "string"}
    READS: ClassVar[Reads] = "whole"
    LOOKS: ClassVar[Looks | None] = ("id", 0)
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

    def key_of(self, position: int) -> tuple[str | int, ...]:
        """Returns the place in the list."""
        return ("columns", position)


KEYS = Cross
