"""Tells Kubeflow to run a pipeline by itself, and looks after such schedules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kfp_server_api

from stellwerk.errors import ClusterError, UsageError, did_you_mean
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.listing import checked_name, experiment_id, named, pages
from stellwerk.pipelines.kubeflow.submission.package import Mark, Package, description
from stellwerk.pipelines.kubeflow.submission.records import ClusterSchedule, schedule_of
from stellwerk.pipelines.kubeflow.submission.refusals import Refused
from stellwerk.pipelines.kubeflow.submission.submitting import UUID, Wanted, runtime_config, service_account
from stellwerk.spec.cron import with_seconds
from stellwerk.spec.schedule import Schedule, in_utc, seconds_of


@dataclass(frozen=True)
class Scheduled:
    """What became of a schedule that was asked for."""

    schedule: ClusterSchedule
    changed: bool
    """Whether it is new, or other than before."""
    replaced: tuple[str, ...] = ()
    """Ids of the schedules of this name that it took the place of."""


class Schedules:
    """The schedules of one Kubeflow."""

    def __init__(self, kubeflow: Kubeflow) -> None:
        self._kubeflow = kubeflow

    def schedule(self, package: Package, when: Schedule, wanted: Wanted) -> Scheduled:
        """Makes a schedule, in place of one of the same name, or leaves the one that already is what is asked for.

        Kubeflow cannot change a schedule: the new one is made first and the old one deleted then, so that a failure between
        leaves two, which the next call heals, and never none.
        """
        name = checked_name(package.name if wanted.name is None else wanted.name)
        asked: dict[str, Any] = {
            "display_name": name,
            "experiment_id": experiment_id(self._kubeflow, self._kubeflow.connection.experiment or package.name),
            "pipeline_spec": package.body,
            "runtime_config": runtime_config(package, wanted),
            "service_account": service_account(package, wanted),
            "trigger": _trigger(when),
            "max_concurrency": str(when.max_concurrency),
            "no_catchup": not when.catch_up,
            "mode": "DISABLE" if when.paused else "ENABLE",
        }
        earlier = list(self._listed(named(name)))
        foreign = [each.recurring_run_id for each in earlier if Mark.found_in(each.description) is None]
        if foreign:
            message = f"there is a schedule '{name}' that Stellwerk did not make ({foreign[0]})."
            raise UsageError(
                f"{message} Take another name with --name, or delete it with `stellwerk cluster unschedule`."
            )
        mark = Mark.new(self._plain(asked))
        same = [each for each in earlier if Mark.found_in(each.description).definition == mark.definition]  # type: ignore[union-attr]
        if same and len(earlier) == 1 and (same[0].status == "DISABLED") == when.paused:
            return Scheduled(self._record(same[0]), changed=False)
        made = self._made({**asked, "description": description(mark, package)}, mark)
        for each in earlier:
            self._deleted(each.recurring_run_id)
        return Scheduled(self._record(made), changed=True, replaced=tuple(each.recurring_run_id for each in earlier))

    def list(self) -> list[ClusterSchedule]:
        """Returns the schedules of the namespace, the newest first."""
        return [self._record(model) for model in self._listed(None, sort_by="created_at desc")]

    def get(self, schedule: str) -> ClusterSchedule:
        """Returns a schedule by its id or its name. Raises UsageError where there is none, or more than one."""
        if UUID.fullmatch(schedule):
            try:
                call = self._kubeflow.schedules.recurring_run_service_get_recurring_run
                return self._record(self._kubeflow.ask(call, schedule))
            except Refused as refused:
                raise self._unknown(schedule) if refused.status == 404 else refused from None
        found = list(self._listed(named(schedule)))
        if not found:
            raise self._unknown(schedule)
        if len(found) > 1:
            ids = ", ".join(model.recurring_run_id for model in found)
            raise UsageError(f"there are {len(found)} schedules named '{schedule}'. Say which, by its id: {ids}.")
        return self._record(found[0])

    def pause(self, schedule: str, *, paused: bool = True) -> ClusterSchedule:
        """Stops a schedule from starting runs, or lets it start them again. Doing so twice changes nothing."""
        found = self.get(schedule)
        verb = "disable" if paused else "enable"
        call = getattr(self._kubeflow.schedules, f"recurring_run_service_{verb}_recurring_run")
        self._kubeflow.ask(call, found.schedule)
        return self.get(found.schedule)

    def delete(self, schedule: str) -> ClusterSchedule:
        """Deletes a schedule. The runs that it started stay."""
        found = self.get(schedule)
        self._deleted(found.schedule)
        return found

    def _made(self, asked: Mapping[str, Any], mark: Mark) -> Any:
        def already() -> Any:
            same = self._listed(named(asked["display_name"]))
            return next((each for each in same if Mark.found_in(each.description) == mark), None)

        create = self._kubeflow.schedules.recurring_run_service_create_recurring_run
        return self._kubeflow.tell(create, kfp_server_api.V2beta1RecurringRun(**asked), done=already)

    def _deleted(self, schedule: str) -> None:
        try:
            self._kubeflow.ask(self._kubeflow.schedules.recurring_run_service_delete_recurring_run, schedule)
        except Refused as refused:
            if refused.status != 404:  # an earlier try did it, or somebody else
                raise

    def _plain(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = kfp_server_api.ApiClient().sanitize_for_serialization(dict(asked))
        return plain

    def _record(self, model: Any) -> ClusterSchedule:
        return schedule_of(model, self._kubeflow.connection.schedule_url(model.recurring_run_id))

    def _unknown(self, schedule: str) -> ClusterError | UsageError:
        known = [each.name for each in self.list()]
        return UsageError(
            f"there is no schedule '{schedule}'.{did_you_mean(schedule, known)} `stellwerk cluster schedules` lists them."
        )

    def _listed(self, where: str | None, **options: Any) -> Iterator[Any]:
        call = self._kubeflow.schedules.recurring_run_service_list_recurring_runs
        if self._kubeflow.connection.namespace:
            options["namespace"] = self._kubeflow.connection.namespace
        return pages(self._kubeflow, call, "recurring_runs", where, options)


def _trigger(when: Schedule) -> Any:
    limits = {
        "start_time": in_utc(when.start) if when.start else None,
        "end_time": in_utc(when.end) if when.end else None,
    }
    if when.cron is not None:
        cron = kfp_server_api.V2beta1CronSchedule(cron=with_seconds(when.cron), **limits)
        return kfp_server_api.V2beta1Trigger(cron_schedule=cron)
    seconds = str(seconds_of(when.every or ""))
    periodic = kfp_server_api.V2beta1PeriodicSchedule(interval_second=seconds, **limits)
    return kfp_server_api.V2beta1Trigger(periodic_schedule=periodic)
