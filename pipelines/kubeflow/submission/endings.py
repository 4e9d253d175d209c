"""How a run ended, and why: told as the error that a command ends with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from stellwerk.errors import GateRefused, StepFailed
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.gates import Looked, kept
from stellwerk.pipelines.kubeflow.submission.logs import READ, Said, said
from stellwerk.pipelines.kubeflow.submission.records import ClusterRun
from stellwerk.pipelines.kubeflow.submission.steps import StepState
from stellwerk.pipelines.kubeflow.submission.workflow import Workflow

_ONLY_A_CODE = re.compile(r"(\w+: )?Error \(exit code \d+\)")
"""What Kubernetes says of a process that ended by itself: nothing, where its own error is known."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    run: ClusterRun
    steps: tuple[StepState, ...]
    failed: StepState | None = None
    """The step that failed first."""
    said: Said = field(default_factory=Said)
    """What it said in its log."""
    kept: str | None = None
    """Why the model was not pushed, in a run that succeeded."""
    deadline: int | None = None
    """The run's deadline in seconds, where that ended it."""

    @property
    def refused(self) -> str | None:
        """What a gate said, where it was one that ended the run, or kept the model from being pushed."""
        return self.kept or (self.said.error if self.said.refused and self.run.state == "failed" else None)

    @property
    def why(self) -> str | None:
        """Why the run did not come to a good end, as a sentence; None for one that did."""
        step = f"step '{self.failed.name}'" if self.failed else "the run"
        if not self.run.is_finished:
            return None
        if self.run.state in ("succeeded", "skipped"):
            return stopped(self.kept) if self.kept else None
        if self.run.state == "canceled":
            return "it was terminated before it came to its end."
        if self.deadline is not None:
            before = f" before {step} had come to its end" if self.failed else ""
            return f"it was ended at its deadline of {self.deadline} s (cluster.deadline_seconds){before}."
        if self.said.error is not None:
            return stopped(f"{step} {'refused' if self.said.refused else 'failed'}: {self.said.error}")
        reasons = [self.said.reason, (self.failed.message if self.failed else None) or self.run.error]
        known = [each for each in reasons if each and not (self.said.reason and _ONLY_A_CODE.fullmatch(each))]
        return stopped(": ".join([f"{step} failed", *([", ".join(known)] if known else [])]))

    def check(self) -> None:
        """Raises GateRefused or StepFailed for a run that did not come to a good end: the step, why, and where to see more."""
        why = self.why
        if why is None:
            return
        message = f"run {self.run.run}: {why}"
        if self.refused is not None:
            raise GateRefused(f"{message}\n{self.run.url}")
        if self.failed and self.said.error is None and self.deadline is None and self.run.state == "failed":
            tail = "".join(f"\n  {line}" for line in self.said.tail)
            message += f" The end of its log:{tail}" if tail else " Kubeflow has no log of it."
        raise StepFailed(f"{message}\n{self.run.url}")


def ended(kubeflow: Kubeflow, run: ClusterRun, looked: Looked, lines: int) -> Ended:
    """Returns how a run ended; of a step that failed, so many lines of its log."""
    run, steps, workflow = as_ended(run, looked.workflow), looked.steps, looked.workflow
    if run.state in ("succeeded", "skipped"):
        return Ended(run, steps, kept=kept(kubeflow, looked) if looked.was_kept else None)
    failed = next((step for step in steps if step.state == "failed"), None)
    if run.state != "failed" or workflow.overran:
        return Ended(run, steps, failed, deadline=workflow.deadline if workflow.overran else None)
    log = (kubeflow.log(run.run, failed.pod, max(READ, lines)) if failed and failed.pod else None) or []
    return Ended(run, steps, failed, said(log, lines))


def as_ended(run: ClusterRun, workflow: Workflow) -> ClusterRun:
    """Returns a run with what its workflow knows of its end: whether somebody terminated it, and an error of the whole of it."""
    if run.state == "failed" and workflow.terminated:
        return replace(run, state="canceled")
    return replace(run, error=run.error or workflow.message) if run.state == "failed" else run


def stopped(text: str) -> str:
    """Returns a text with a full stop at its end, and not with two."""
    return text if text.rstrip().endswith((".", "!", "?", "…")) else f"{text.rstrip()}."
