"""Follows a run to its end: tells every change of its steps, and of a step that fails what its log says."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from stellwerk.errors import GateRefused, StepFailed
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.records import ClusterRun
from stellwerk.pipelines.kubeflow.submission.steps import StepState, is_waiting, states_of, with_workflow
from stellwerk.pipelines.kubeflow.submission.submitting import Runs

_GATE = re.compile(r"stellwerk\.errors\.GateRefused: (.*)")
_LAUNCHER = re.compile(r"[IWEF]\d{4} |time=|\[KFP Executor")
READ = 1000
"""So many lines of a failed step's log are searched for what a gate said."""

Tell = Callable[[StepState], None]


@dataclass(frozen=True)
class Following:
    """How a run is followed."""

    poll_seconds: float = 5.0
    log_lines: int = 30
    """How much of a failed step's log is shown."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    run: ClusterRun
    steps: tuple[StepState, ...]
    failed: StepState | None = None
    """The step that failed first."""
    log: tuple[str, ...] = ()
    """The end of its log."""
    gate: str | None = None
    """What a gate says in its log."""

    @property
    def refused(self) -> str | None:
        """What a gate said, where it was one that ended the run, or kept the model from being pushed."""
        if self.run.state == "succeeded" and any(
            step.name == "push" and step.state == "skipped" for step in self.steps
        ):
            return "the model is not blessed, or did not pass its rehearsal, and was not pushed"
        return self.gate

    def check(self) -> None:
        """Raises GateRefused or StepFailed for a run that did not succeed: the step, why, and where to see more."""
        if self.run.state in ("succeeded", "skipped") and self.refused is None:
            return
        step = f"step '{self.failed.name}'" if self.failed else "the run"
        if self.refused is not None:
            said = f"{step} refused: {self.refused}" if self.failed else self.refused
            raise GateRefused(f"run {self.run.run}: {said}\n{self.run.url}")
        if self.run.state == "canceled":
            raise StepFailed(f"run {self.run.run} was terminated before it came to its end.\n{self.run.url}")
        why = (self.failed.message if self.failed else None) or self.run.error
        tail = "".join(f"\n  {line}" for line in self.log)
        ended = f"run {self.run.run}: {step} failed{f': {why}' if why else ''}."
        logged = f" The end of its log:{tail}" if tail else " Kubeflow has no log of it."
        raise StepFailed(f"{ended}{logged}\n{self.run.url}")


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
        states = states_of(model)
        waits = is_waiting(model)
        if record.state == "failed" or (waits and waited):
            states = with_workflow(states, kubeflow.workflow(record.run))
        for state in states:
            if told.get(state.name, ("pending", None)) != (state.state, state.message):
                told[state.name] = (state.state, state.message)
                tell(state)
        if record.is_finished:
            return _ended(kubeflow, record, states, how)
        _check_stuck(record, states, stuck, kubeflow.connection.patience)
        waited = waits
        time.sleep(how.poll_seconds)


def _check_stuck(run: ClusterRun, states: list[StepState], stuck: dict[str, float], patience: float) -> None:
    now = time.monotonic()
    for state in states:
        if not state.cannot_start:
            stuck.pop(state.name, None)
        elif now - stuck.setdefault(state.name, now) >= patience:
            message = f"run {run.run}: step '{state.name}' cannot start: {state.message}."
            ended = f"The run goes on waiting: `stellwerk cluster terminate {run.run}` ends it."
            raise StepFailed(f"{message} {ended}\n{run.url}")


def _ended(kubeflow: Kubeflow, run: ClusterRun, states: list[StepState], how: Following) -> Ended:
    failed = next((state for state in states if state.state == "failed"), None)
    pod = failed.pod if failed is not None else None
    log = (kubeflow.log(run.run, pod, max(READ, how.log_lines)) if pod else None) or []
    return Ended(run, tuple(states), failed, tuple(log[-how.log_lines :]), _gate_in(log))


def _gate_in(log: list[str]) -> str | None:
    """Returns what a gate said, up to the launcher's own lines; it is the last error that the step printed."""
    for at in range(len(log) - 1, -1, -1):
        found = _GATE.search(log[at])
        if found:
            more = itertools.takewhile(lambda line: not _LAUNCHER.match(line), log[at + 1 :])
            return "\n".join([found[1], *more]).rstrip()
    return None
