"""Follows a run to its end: tells every change of its steps, and of a step that fails what its log says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stellwerk.errors import StepFailed
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.endings import Ended, ended, stopped
from stellwerk.pipelines.kubeflow.submission.gates import Looked, looked
from stellwerk.pipelines.kubeflow.submission.records import ClusterRun
from stellwerk.pipelines.kubeflow.submission.steps import StepState, is_waiting, states_of
from stellwerk.pipelines.kubeflow.submission.submitting import Runs
from stellwerk.pipelines.kubeflow.submission.workflow import Workflow

Tell = Callable[[StepState], None]


@dataclass(frozen=True)
class Following:
    """How a run is followed."""

    poll_seconds: float = 5.0
    log_lines: int = 30
    """How much of a failed step's log is shown."""


def follow(kubeflow: Kubeflow, run: str, tell: Tell, how: Following = Following()) -> Ended:
    """Waits until a run has come to its end, and tells each change of a step.

    Raises StepFailed when a step cannot start, for want of its image or of a node, for as long as patience lasts: the run
    itself would wait for ever, and is left as it is.
    """
    runs = Runs(kubeflow)
    told: dict[str, tuple[str, str | None]] = {}
    stuck: dict[str, float] = {}
    waited = False
    while True:
        model = runs.model(run)
        record = runs.read(model)
        run = record.run  # `latest` is the one that it was first
        waits = is_waiting(model)
        at = Looked(model, Workflow(), tuple(states_of(model)))
        if record.is_finished or (waits and waited):
            at = looked(kubeflow, model)
        for state in at.steps:
            if told.get(state.name, ("pending", None)) != (state.state, state.message):
                told[state.name] = (state.state, state.message)
                tell(state)
        if record.is_finished:
            return ended(kubeflow, record, at, how.log_lines)
        _check_stuck(record, at.steps, stuck, kubeflow.connection.patience)
        waited = waits
        time.sleep(how.poll_seconds)


def _check_stuck(run: ClusterRun, states: Sequence[StepState], stuck: dict[str, float], patience: float) -> None:
    now = time.monotonic()
    for state in states:
        if not state.cannot_start:
            stuck.pop(state.name, None)
        elif now - stuck.setdefault(state.name, now) >= patience:
            message = stopped(f"run {run.run}: step '{state.name}' cannot start: {state.message}")
            raise StepFailed(
                f"{message} The run goes on waiting: `stellwerk cluster terminate {run.run}` ends it.\n{run.url}"
            )
