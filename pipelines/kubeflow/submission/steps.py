"""How far the steps of a run are, and what keeps or ended each: from the run itself and, where it says too little, its workflow.

The API of runs has the states of Argo's nodes under their display names: `train` and, before it, `train-driver`. A node that Argo
omits, because what it needs did not succeed, has no state there. Why a pod does not start, and what it is called, only the workflow says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stellwerk.pipelines.kubeflow.submission.workflow import Node, Pods, Workflow
from stellwerk.pipelines.kubeflow.wiring import waits_for

WAITING = ("", "pending", "runtime_state_unspecified")
_STATES = {"error": "failed", "omitted": "skipped"}
_ENDED_BADLY = ("Failed", "Error")
_ENDED = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Error": "failed",
    "Skipped": "skipped",
    "Omitted": "skipped",
}
_CANNOT_START = re.compile(
    r"ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CreateContainer(Config)?Error|Unschedulable"
)


@dataclass(frozen=True)
class StepState:
    """How far one step is."""

    name: str
    state: str = "pending"
    """pending, running, succeeded, failed, skipped or canceled."""
    seconds: float | None = None
    """How long it took, once it has ended."""
    message: str | None = None
    """What keeps or ended it, as the cluster says."""
    pod: str | None = None
    cached: bool = False
    """Whether Kubeflow took it from its cache: then it has no pod, and no log, in this run."""

    @property
    def cannot_start(self) -> bool:
        """Whether its pod waits for what may never come: an image that does not exist, a secret, a node."""
        return self.state in ("pending", "running") and bool(_CANNOT_START.search(self.message or ""))


def steps_of(run: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Returns the steps of a run in the order in which they depend on each other, each with the groups that it is in."""
    spec = run.pipeline_spec or {}
    spec = spec.get("pipeline_spec", spec)
    return list(_tasks(spec.get("root", {}).get("dag", {}), spec.get("components", {})))


def _tasks(
    dag: Mapping[str, Any], components: Mapping[str, Any], around: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    tasks = dict(dag.get("tasks", {}))
    while tasks:
        ready = [name for name, task in tasks.items() if not waits_for(task) & set(tasks)]
        for name in sorted(ready or tasks):
            inner = components.get(tasks.pop(name).get("componentRef", {}).get("name"), {}).get("dag")
            if inner is None:
                yield name, around
            else:
                yield from _tasks(inner, components, (*around, name))


def states_of(run: Any) -> list[StepState]:
    """Returns how far the steps of a run are, as the run itself says."""
    details = (run.run_details.task_details if run.run_details else None) or []
    latest: dict[str, Any] = {}
    for task in sorted(details, key=lambda each: str(each.start_time or "")):
        latest[re.sub(r"\(\d+\)$", "", task.display_name or "")] = task
    skipped = {name for name, task in latest.items() if (task.state or "").lower() in ("skipped", "omitted")}
    states = []
    for name, around in steps_of(run):
        state = _state(name, latest.get(name), latest.get(f"{name}-driver"))
        never = run.state in ("FAILED", "CANCELED") or (name not in latest and skipped & set(around))
        states.append(StepState(name, "skipped") if never and state.state == "pending" else state)
    return states


def _state(name: str, task: Any, driver: Any) -> StepState:
    state = (task.state or "").lower() if task is not None else ""
    if state in WAITING:
        failed = driver is not None and driver.state == "FAILED"  # then Argo omits what it would have started
        return StepState(name, "failed" if failed else "pending", message=_message(driver))
    state = _STATES.get(state, state)
    seconds = None
    if task.start_time and task.end_time and task.end_time >= task.start_time:
        seconds = (task.end_time - task.start_time).total_seconds()
    return StepState(name, state, seconds, _message(task), task.pod_name)


def _message(task: Any) -> str | None:
    return (task.error.message or None) if task is not None and task.error else None


def is_waiting(run: Any) -> bool:
    """Says whether some pod of a run waits to be started."""
    details = (run.run_details.task_details if run.run_details else None) or []
    return any((task.state or "").lower() in WAITING for task in details)


def with_workflow(states: list[StepState], workflow: Workflow) -> list[StepState]:
    """Adds to the states what the run's workflow says: pods, what keeps or ended them, and what was taken from the cache."""
    pods = workflow.pods({each.name for each in states})
    return [_told(each, pods[each.name], workflow) for each in states]


def _told(state: StepState, pods: Pods, workflow: Workflow) -> StepState:
    ended = _ENDED.get(pods.phase)
    if workflow.is_finished and pods == Pods():  # the group that it is in was skipped
        ended = "skipped"
    if ended is not None and not (
        ended == "skipped" and state.state == "failed"
    ):  # reported together with the run's own state
        state = replace(state, state=ended)
    if pods.cached:
        return replace(state, cached=True)
    pod = _telling(state, pods)
    if pod is None:
        return state
    phase = pod.get("phase", "")
    failed = ended in (None, "skipped") and phase in _ENDED_BADLY
    message = pod.get("message") if phase not in ("Succeeded", "Running") else None
    return replace(
        state,
        state="failed" if failed else state.state,
        message=message or state.message,
        pod=workflow.pod_name(pod),
    )


def _telling(state: StepState, pods: Pods) -> Node | None:
    """Returns the pod that says how a step is: of several tries the last, and the driver's where that is as far as it came."""
    if pods.executor:  # a try that failed tells why, where the last one never began
        lost = [node for node in pods.executor if node.get("phase") in _ENDED_BADLY]
        return (lost or list(pods.executor))[0] if state.state == "failed" else pods.executor[0]
    driver = pods.driver[0] if pods.driver else None
    return driver if driver is not None and driver.get("phase") in ("Pending", *_ENDED_BADLY) else None
