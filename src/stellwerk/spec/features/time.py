"""`type: time`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stellwerk.spec.features.base import SingleColumn

Part = Literal["year", "month", "day", "day_of_year", "weekday", "hour", "minute", "second"]


class Time(SingleColumn):
    """A moment, taken apart into what repeats: hours, weekdays, months."""

    type: Literal["time"]
    format: Literal["iso", "epoch_seconds", "epoch_milliseconds", "hhmm"] | None = None
    """iso: 2013-01-01T05:15:00Z; hhmm: 515 for 05:15; by default iso for texts, epoch seconds for numbers."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)] = ("hour", "weekday", "month")
    """What to take from the moment, in UTC; with `hhmm` only hour and minute."""
    encoding: Literal["cyclical", "category", "number"] = "cyclical"
    """cyclical: sine and cosine, so that 23 h is near 0 h; category: an id for each value; number: scaled. `year` is always a number."""
