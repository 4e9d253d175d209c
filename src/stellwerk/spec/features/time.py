"""`type: time`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.spec.features.base import SingleColumn
from stellwerk.spec.section import Contradiction

Part = Literal["year", "month", "day", "day_of_year", "weekday", "hour", "minute", "second"]
OF_THE_DAY: tuple[Part, ...] = ("hour", "minute")
"""Parts that a time of day without a date has."""


class Time(SingleColumn):
    """A moment, taken apart into what repeats: hours, weekdays, months."""

    TAKES: ClassVar[tuple[str, ...]] = ("int64", "string")
    """Column types of Examples that it can be made from."""
    EXAMPLE: ClassVar[str] = """\
features:
  date: {type: time, parts: [weekday, day_of_year]}
  sched_dep_time: {type: time, format: hhmm}
"""

    type: Literal["time"]
    format: Literal["iso", "epoch_seconds", "epoch_milliseconds", "hhmm"] | None = None
    """iso: 2013-01-01T05:15:00Z; hhmm: 515 for 05:15; by default iso for texts, epoch seconds for numbers."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)] = ("hour", "weekday", "month")
    """What to take from the moment, in UTC; with `hhmm` hour and minute, which are then the default."""
    encoding: Literal["cyclical", "category", "number"] = "cyclical"
    """cyclical: sine and cosine, so that 23 h is near 0 h; category: an id for each value; number: scaled. `year` is always a number."""

    @model_validator(mode="before")
    @classmethod
    def _time_of_day_has_no_date(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("format") == "hhmm" and "parts" not in values:
            return {**values, "parts": OF_THE_DAY}
        return values

    @model_validator(mode="after")
    def _parts_suit_the_format(self) -> Time:
        wrong = [part for part in self.parts if part not in OF_THE_DAY]
        if self.format == "hhmm" and wrong:
            message = f"format: hhmm holds hour and minute only. Received: {', '.join(wrong)}"
            raise Contradiction((("parts",), message))
        return self
