"""The section `validate`: what the data must look like."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.section import Section


class Comparator(Section):
    """How far a column's distribution may move. TFDV's own comparators."""

    EXAMPLE: ClassVar[str] = """\
validate:
  drift: {distance: {jensen_shannon: 0.05}}
"""

    l_infinity: Annotated[float, Field(gt=0, le=1)] | None = None
    """Texts and whole-number categories: largest change of any value's share."""
    jensen_shannon: Annotated[float, Field(gt=0, le=1)] | None = None
    """Numbers and categories: Jensen-Shannon divergence of the two distributions."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Comparator:
        if (self.l_infinity is None) == (self.jensen_shannon is None):
            raise ValueError("give exactly one of l_infinity and jensen_shannon")
        return self


class Validate(Section):
    """What the data must look like before anything is learned from it."""

    EXAMPLE: ClassVar[str] = """\
validate:
  schema: schema.pbtxt
  on_anomaly: fail
  skew: {carrier: {l_infinity: 0.05}}
"""

    schema_: Annotated[str | None, Field(alias="schema")] = None
    """Curated TFDV schema (`.pbtxt`), relative to the spec; inferred from the train split while the file does not exist. `stellwerk schema` writes it."""
    on_anomaly: Literal["fail", "warn"] = "fail"
    """fail: an anomaly stops the run before training (exit 1); warn: it is only reported."""
    skew: dict[str, Comparator] = {}
    """How far the eval and test splits may differ from the train split, by column."""
    drift: dict[str, Comparator] = {}
    """How far the train split may differ from that of the last run that passed, by column."""
