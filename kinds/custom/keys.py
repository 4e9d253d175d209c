"""`transform: features.py:fn`, a user's own feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.kinds.base import Keys
from stellwerk.section import Contradiction, Hook


class Custom(Keys):
    """A user's own TFT function: may use any TFT analyser; its graph is inside the served model too."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "float", "float": "float", "string": "string"}
    TOLD_BY: ClassVar[str] = "transform"
    EXAMPLE: ClassVar[str] = """\
features:
  speed: {transform: features.py:speed, columns: [distance, minutes]}
"""

    type: Literal["custom"] = "custom"
    transform: Hook
    """`file.py:function`; called with a dict of column name to tensor, returns one tensor: float32 [batch] or [batch, width], or int64 ids [batch]."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Columns that the function gets; by default the one with the feature's own name."""
    size: Annotated[int, Field(ge=1)] | None = None
    """For ids: how many there are."""
    embedding: Annotated[int, Field(ge=1)] | None = None
    """For ids: width of the learned vector."""

    @model_validator(mode="after")
    def _embedding_is_for_ids(self) -> Custom:
        if self.embedding is not None and self.size is None:
            raise Contradiction(
                (("embedding",), "is for ids: give size too, the number of ids, or leave embedding out")
            )
        return self

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Returns the columns that the feature called `name` reads."""
        return self.columns or (name,)

    def key_of(self, position: int) -> tuple[str | int, ...]:
        """Returns the place in the list, where there is one."""
        return ("columns", position) if self.columns else ()

    def hooks(self) -> Mapping[str, str]:
        """Returns the function."""
        return {"transform": self.transform}


KEYS = Custom
