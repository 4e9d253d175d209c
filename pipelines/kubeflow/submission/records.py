"""Runs and schedules as Kubeflow has them, without what only its API cares for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

UNSPECIFIED = "RUNTIME_STATE_UNSPECIFIED"
FINISHED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
"""States of a run that do not change any more, unless it is tried again."""


@dataclass(frozen=True)
class ClusterRun:
    """One run of a pipeline on a cluster."""

    run: str
    """Its id."""
    name: str
    state: str
    """pending, running, succeeded, failed, canceling, canceled, paused or skipped; canceled is one that somebody terminated."""
    created: datetime | None
    finished: datetime | None
    url: str
    """Where the dashboard shows it."""
    experiment: str | None = None
    """Id of its experiment."""
    schedule: str | None = None
    """Id of the schedule that started it."""
    error: str | None = None
    """What Kubeflow says went wrong."""

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its end."""
        return self.state.upper() in FINISHED

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {name: _json(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class ClusterSchedule:
    """One schedule: a recurring run, as Kubeflow calls it."""

    schedule: str
    """Its id."""
    name: str
    paused: bool
    cron: str | None
    """With seconds first."""
    every_seconds: int | None
    start: datetime | None
    end: datetime | None
    catch_up: bool
    max_concurrency: int
    created: datetime | None
    url: str
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {name: _json(value) for name, value in vars(self).items()}


def run_of(model: Any, url: str) -> ClusterRun:
    """Reads a run of the API."""
    return ClusterRun(
        run=model.run_id,
        name=model.display_name or "",
        state=_state(model),
        created=_moment(model.created_at),
        finished=_moment(model.finished_at),
        url=url,
        experiment=model.experiment_id,
        schedule=model.recurring_run_id or None,
        error=(model.error.message or None) if model.error else None,
    )


def _state(model: Any) -> str:
    """Returns how far a run is; one that was not reported yet has no state.

    Kubeflow says FAILED of a run that was terminated, and only its history knows.
    """
    state = (model.state or UNSPECIFIED).upper()
    before = [each.state for each in model.state_history or () if each.state not in (None, UNSPECIFIED)]
    if state == "FAILED" and before[-2:] == ["CANCELING", "FAILED"]:
        return "canceled"
    return "pending" if state == UNSPECIFIED else state.lower()


def schedule_of(model: Any, url: str) -> ClusterSchedule:
    """Reads a recurring run of the API."""
    trigger = model.trigger
    cron = trigger.cron_schedule if trigger else None
    periodic = trigger.periodic_schedule if trigger else None
    timed = cron or periodic
    return ClusterSchedule(
        schedule=model.recurring_run_id,
        name=model.display_name or "",
        paused=model.status != "ENABLED",
        cron=cron.cron if cron else None,
        every_seconds=int(periodic.interval_second) if periodic else None,
        start=_moment(timed.start_time) if timed else None,
        end=_moment(timed.end_time) if timed else None,
        catch_up=not model.no_catchup,
        max_concurrency=int(model.max_concurrency or 1),
        created=_moment(model.created_at),
        url=url,
        error=(model.error.message or None) if model.error else None,
    )


def _moment(value: datetime | None) -> datetime | None:
    """Kubeflow writes the beginning of 1970 where there is no moment yet."""
    return value if value is not None and value > datetime(1970, 1, 2, tzinfo=UTC) else None


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
