"""`target`: what the model predicts."""

from __future__ import annotations

from typing import Literal

from stellwerk.spec.section import Section


class Target(Section):
    """The column the model predicts, and what kind of thing it is."""

    column: str
    """Column with the true answer. Never an input of the model."""
    type: Literal["binary", "multiclass", "regression"]
    """binary: two values; multiclass: several names; regression: a quantity."""
    positive: str | int | None = None
    """binary: the value that counts as positive; by default the larger one (1 of 0/1, true of false, yes of no)."""
