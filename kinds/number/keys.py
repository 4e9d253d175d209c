"""`type: number`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import Reads, SingleColumn
from stellwerk.section import Contradiction


class Number(SingleColumn):
    """A quantity, scaled so that a network can learn from it."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "float", "float": "float"}
    READS: ClassVar[Reads] = "numbers"
    EXAMPLE: ClassVar[str] = """\
features:
  distance: {type: number, scale: log, missing: median}
"""

    type: Literal["number"]
    scale: Literal["standard", "minmax", "log", "buckets", "none"] = "standard"
    """standard: (x - mean) / deviation; minmax: to 0..1; log: sign(x) * ln(1 + |x|), then standard; buckets: quantiles; none: as it is."""
    buckets: Annotated[int, Field(ge=2)] = 10
    """With `scale: buckets`: how many quantile buckets."""
    missing: Literal["mean", "median"] | float = "mean"
    """What takes the place of a missing value: the training split's mean or median, or this number."""
    missing_indicator: bool = False
    """Adds a second input that is 1 where the value was missing."""

    def looks(self) -> Looks:
        """Returns numbers, or the id of each."""
        return ("id", 0) if self.scale == "buckets" else ("number", 0)

    @model_validator(mode="after")
    def _buckets_need_their_scale(self) -> Number:
        if self.scale != "buckets" and self.changed("buckets"):
            raise Contradiction((("buckets",), f"belongs to scale: buckets. Received: scale: {self.scale}"))
        return self


KEYS = Number
