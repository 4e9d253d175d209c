"""Starts runs, and looks after those that are there: list, get, terminate, retry, delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import kfp_server_api

from stellwerk.components.escaping import marked
from stellwerk.errors import ClusterError, UsageError, did_you_mean
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.endings import as_ended
from stellwerk.pipelines.kubeflow.submission.listing import PAGE, checked_name, experiment_id, named, pages
from stellwerk.pipelines.kubeflow.submission.listing import experiment as find_experiment
from stellwerk.pipelines.kubeflow.submission.package import Mark, Package, description
from stellwerk.pipelines.kubeflow.submission.parameters import check
from stellwerk.pipelines.kubeflow.submission.records import ClusterRun, run_of
from stellwerk.pipelines.kubeflow.submission.refusals import Refused
from stellwerk.pipelines.kubeflow.submission.workflow import Workflow

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run besides its pipeline."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    """Name of the run; by default the pipeline's with the moment."""
    service_account: str | None = None
    """Kubernetes service account of its steps; by default that of the spec."""
    pipeline_root: str | None = None
    """Where its artifacts go; by default that of the pipeline or of Kubeflow."""


class Runs:
    """The runs of one Kubeflow."""

    def __init__(self, kubeflow: Kubeflow) -> None:
        self._kubeflow = kubeflow
        self._url = kubeflow.connection.run_url

    def submit(self, package: Package, wanted: Wanted = Wanted()) -> ClusterRun:
        """Starts a run, once: where no answer comes it is looked for before it is sent again."""
        config = runtime_config(package, wanted)
        mark = Mark.new()
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{mark.submission[:6]}"
        body = kfp_server_api.V2beta1Run(
            display_name=checked_name(f"{package.name}-{stamp}" if wanted.name is None else wanted.name),
            description=description(mark, package),
            experiment_id=experiment_id(self._kubeflow, self._kubeflow.connection.experiment or package.name),
            pipeline_spec=package.body,
            runtime_config=config,
            service_account=service_account(package, wanted),
        )

        def already() -> Any:
            same = self._listed(named(body.display_name), experiment_id=body.experiment_id)
            return next((run for run in same if Mark.found_in(run.description) == mark), None)

        return self.read(self._kubeflow.tell(self._kubeflow.runs.run_service_create_run, body, done=already))

    def list(self, limit: int = 20, experiment: str | None = None) -> list[ClusterRun]:
        """Returns the newest runs, of the namespace or of one experiment."""
        within: dict[str, Any] = {}
        if experiment is not None:
            found = find_experiment(self._kubeflow, experiment)
            if found is None:
                return []
            within["experiment_id"] = found.experiment_id
        models = self._listed(None, sort_by="created_at desc", **within)
        return [self.read(model) for _, model in zip(range(limit), models, strict=False)]

    def get(self, run: str) -> ClusterRun:
        """Returns a run by its id, by its name, or the newest one for `latest`."""
        return self.read(self.model(run))

    def model(self, run: str) -> Any:
        """Returns a run as the API has it, with its steps."""
        if not UUID.fullmatch(run):
            run = self._id_of(run)
        try:
            return self._kubeflow.ask(self._kubeflow.runs.run_service_get_run, run)
        except Refused as refused:
            raise self._unknown(run) if refused.status == 404 else refused from None

    def terminate(self, run: str) -> ClusterRun:
        """Ends a run that has not come to its end; twice is once. Raises UsageError for one that came to its end by itself."""
        before = self.get(run)
        if before.is_finished:
            before = as_ended(before, Workflow.read(self._kubeflow.workflow(before.run)))
        if before.state in ("canceling", "canceled"):
            return before
        if before.is_finished:
            raise UsageError(f"run {before.run} has {before.state} already: there is nothing to terminate.")

        def ends(now: ClusterRun) -> bool:
            return now.state in ("canceling", "canceled") or now.is_finished

        try:
            self._change(before, "terminate", ends)
        except Refused:  # somebody else was faster
            if not ends(self.get(before.run)):
                raise
        return self.get(before.run)

    def retry(self, run: str) -> ClusterRun:
        """Runs the failed steps of a run again, and all after them. Raises UsageError for a run that has not failed."""
        before = self.get(run)
        if before.state not in ("failed", "canceled"):
            raise UsageError(f"run {before.run} is {before.state}: only a run that failed or was canceled is retried.")
        self._change(before, "retry", lambda now: now.state in ("pending", "running"))
        return self.get(before.run)

    def delete(self, run: str) -> ClusterRun:
        """Deletes a run, and ends it where it has not come to its end. Its artifacts stay where they are."""
        before = self.get(run)

        def gone() -> Any:
            try:
                self._kubeflow.ask(self._kubeflow.runs.run_service_get_run, before.run)
            except Refused as refused:
                return refused.status == 404 or None
            return None

        self._kubeflow.tell(self._kubeflow.runs.run_service_delete_run, before.run, done=gone)
        return before

    def _change(self, run: ClusterRun, verb: str, reached: Callable[[ClusterRun], bool]) -> None:
        def done() -> Any:
            return True if reached(self.get(run.run)) else None

        self._kubeflow.tell(getattr(self._kubeflow.runs, f"run_service_{verb}_run"), run.run, done=done)

    def read(self, model: Any) -> ClusterRun:
        """Reads a run that the API gave."""
        return run_of(model, self._url(model.run_id))

    def _id_of(self, name: str) -> str:
        if name == "latest":
            newest = self.list(1)
            if not newest:
                raise UsageError(f"{self._kubeflow.connection.host}: there is no run yet.")
            return newest[0].run
        found = list(self._listed(named(name)))
        if len(found) > 1:
            ids = ", ".join(model.run_id for model in found)
            raise UsageError(f"there are {len(found)} runs named '{name}'. Say which, by its id: {ids}.")
        if not found:
            raise self._unknown(name)
        return str(found[0].run_id)

    def _unknown(self, run: str) -> ClusterError | UsageError:
        known = [each.name for each in self.list(PAGE)]
        where = f" in namespace '{self._kubeflow.connection.namespace}'" if self._kubeflow.connection.namespace else ""
        hint = did_you_mean(run, known)
        return UsageError(f"there is no run '{run}'{where}.{hint} `stellwerk cluster runs` lists them.")

    def _listed(self, where: str | None, **options: Any) -> Iterator[Any]:
        if "experiment_id" not in options and self._kubeflow.connection.namespace:
            options["namespace"] = self._kubeflow.connection.namespace
        yield from pages(self._kubeflow, self._kubeflow.runs.run_service_list_runs, "runs", where, options)


def runtime_config(package: Package, wanted: Wanted) -> Any:
    """Returns what a run is given. Raises UsageError for parameters that the pipeline does not take."""
    parameters = marked(check(wanted.parameters, package.parameters))
    return kfp_server_api.V2beta1RuntimeConfig(parameters=parameters, pipeline_root=wanted.pipeline_root)


def service_account(package: Package, wanted: Wanted) -> str | None:
    """Returns the service account of a run's steps."""
    return wanted.service_account or (package.cluster.service_account if package.cluster else None)
