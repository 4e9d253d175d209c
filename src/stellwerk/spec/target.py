"""`target`: what the model predicts."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from stellwerk.section import Contradiction, Section


class Target(Section):
    """The column the model predicts, and what kind of thing it is."""

    EXAMPLE: ClassVar[str] = """\
target: {column: late, type: binary}
"""

    column: str
    """Column with the true answer. Never an input of the model."""
    type: Literal["binary", "multiclass", "regression"]
    """binary: two values; multiclass: several names; regression: a quantity."""
    positive: str | int | None = None
    """binary: the value that counts as positive; by default the larger one (1 of 0/1, true of false, yes of no)."""

    @model_validator(mode="after")
    def _positive_is_for_binary(self) -> Target:
        if self.positive is not None and self.type != "binary":
            raise Contradiction((("positive",), f"is for type: binary. Received: type: {self.type}"))
        return self
