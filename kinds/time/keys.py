"""`type: time`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import Reads, SingleColumn
from stellwerk.moments import NAMED, parts_of, wrong_format
from stellwerk.section import Contradiction

Part = Literal["year", "month", "day", "day_of_year", "weekday", "hour", "minute", "second"]
USUAL: tuple[Part, ...] = ("hour", "weekday", "month")
OF_THE_DAY: tuple[Part, ...] = ("hour", "minute")
"""Parts that a time of day without a date has."""


def _known(text: str) -> str:
    wrong = wrong_format(text)
    if wrong is not None:
        raise ValueError(f"{wrong}. Received: {text!r}")
    return text


TimeFormat = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"anyOf": [{"enum": list(NAMED)}, {"type": "string", "pattern": "%"}]})
]
"""The name of a format, or one with the directives of `strptime`."""


class Time(SingleColumn):
    """A moment, taken apart into what repeats: hours, weekdays, months."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "int64", "string": "string"}
    READS: ClassVar[Reads] = "whole"
    EXAMPLE: ClassVar[str] = """\
features:
  date: {type: time, parts: [weekday, day_of_year]}
  sched_dep_time: {type: time, format: hhmm}
"""

    type: Literal["time"]
    format: TimeFormat | None = None
    """iso: 2013-01-01T05:15:00Z; epoch_seconds or epoch_milliseconds since 1970; hhmm: 515 for 05:15; or as `strptime` has it: '%d.%m.%Y', '%Y%m%d'. By default iso for texts, epoch seconds for numbers."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)] = USUAL
    """What to take from the moment, in UTC; a format that does not hold the default takes what it has of it."""
    encoding: Literal["cyclical", "category", "number"] = "cyclical"
    """cyclical: sine and cosine, so that 23 h is near 0 h; category: an id for each value; number: scaled. `year` is always a number."""

    @model_validator(mode="before")
    @classmethod
    def _default_parts_suit_the_format(cls, values: Any) -> Any:
        chosen = values.get("format") if isinstance(values, Mapping) else None
        if not isinstance(chosen, str) or "parts" in values or wrong_format(chosen) is not None:
            return values
        if chosen == "hhmm":
            return {**values, "parts": OF_THE_DAY}
        if chosen in NAMED:
            return values
        held = parts_of(chosen)
        return {**values, "parts": tuple(part for part in USUAL if part in held) or held}

    def looks(self) -> Looks:
        """Returns numbers, or the id of each."""
        return ("id", 0) if self.encoding == "category" else ("number", 0)

    @model_validator(mode="after")
    def _parts_suit_the_format(self) -> Time:
        if self.format is None or self.format in NAMED[:3]:
            return self
        held = OF_THE_DAY if self.format == "hhmm" else parts_of(self.format)
        wrong = [part for part in self.parts if part not in held]
        if wrong:
            only = "hour and minute" if self.format == "hhmm" else ", ".join(held) or "nothing"
            raise Contradiction((("parts",), f"format: {self.format} holds {only} only. Received: {', '.join(wrong)}"))
        return self


KEYS = Time
