"""The section `cluster.schedule`: when Kubeflow runs the pipeline by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import Field, field_validator, model_validator

from stellwerk.section import Section
from stellwerk.spec.cron import with_seconds
from stellwerk.spec.data import Moment

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Schedule(Section):
    """When Kubeflow runs the pipeline by itself, once `stellwerk schedule` has told it."""

    EXAMPLE: ClassVar[str] = """\
cluster:
  image: registry.example/stellwerk:0.1.0
  schedule: {cron: "0 3 * * *", catch_up: false}
"""

    cron: str | None = None
    """When it runs, as five cron fields (minute, hour, day of the month, month, day of the week), six with seconds in front, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. The time zone is that of Kubeflow's scheduler, by default UTC."""
    every: str | None = None
    """Instead of `cron`: how long lies between two runs, e.g. 90m, 6h or 1d."""
    catch_up: bool = False
    """Whether runs that were missed, while the schedule was paused or Kubeflow was down, are all made up for. Otherwise only the last one is."""
    max_concurrency: Annotated[int, Field(ge=1, le=10)] = 1
    """How many of its runs may go on at one time."""
    start: Moment | None = None
    """No run before this moment; without a zone it is UTC."""
    end: Moment | None = None
    """No run after this moment."""
    paused: bool = False
    """Whether the schedule is made, and does not run."""

    @field_validator("cron")
    @classmethod
    def _cron_is_one(cls, cron: str | None) -> str | None:
        if cron is not None:
            try:
                with_seconds(cron)
            except ValueError as error:
                raise ValueError(f"is no cron expression: {error}. Received: '{cron}'") from None
        return cron

    @field_validator("every")
    @classmethod
    def _every_is_an_interval(cls, every: str | None) -> str | None:
        if every is not None:
            seconds_of(every)
        return every

    @model_validator(mode="after")
    def _one_of_both(self) -> Schedule:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give exactly one of cron and every")
        if self.start is not None and self.end is not None and in_utc(self.start) >= in_utc(self.end):
            raise ValueError("start must be before end")
        return self


def in_utc(moment: datetime) -> datetime:
    """Returns the moment with its zone: UTC where it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def seconds_of(every: str) -> int:
    """Returns the seconds of an interval such as 90m. Raises ValueError, in words."""
    found = re.fullmatch(r"([1-9][0-9]*)([smhdw])", every)
    if found is None:
        raise ValueError(f"must be a number and a unit (s, m, h, d, w), e.g. 6h. Received: '{every}'")
    return int(found[1]) * _SECONDS[found[2]]
