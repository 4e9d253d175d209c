"""How far the steps of a run are, and what keeps or ended each: from the run itself and, where it says too little, its workflow.

The API of runs has the states of Argo's nodes under their display names. A step `train` is a node of that name, a driver
`train-driver` before it, and the pod below it, `executor`. Why a pod does not start, and what it is called, only the workflow says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WAITING = ("", "pending", "runtime_state_unspecified")
_STATES = {"error": "failed", "omitted": "skipped"}
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
        ready = [name for name, task in tasks.items() if not set(task.get("dependentTasks", ())) & set(tasks)]
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
    if task is None:
        failed = driver is not None and driver.state == "FAILED"
        return StepState(name, "failed" if failed else "pending", message=_message(driver))
    state = (task.state or "").lower()
    state = "pending" if state in WAITING else _STATES.get(state, state)
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


def with_workflow(states: list[StepState], manifest: str | None) -> list[StepState]:
    """Adds to the states what the run's workflow says: pods, and what keeps or ended them."""
    nodes = _nodes(manifest)
    if not nodes:
        return states
    parents = {child: each["id"] for each in nodes.values() for child in each.get("children") or ()}
    pods: dict[str, list[dict[str, Any]]] = {}
    for node in nodes.values():
        if node.get("type") == "Pod":
            pods.setdefault(_step_of(node, nodes, parents, {each.name for each in states}), []).append(node)
    name = _workflow_name(manifest)
    return [_told(each, pods.get(each.name, []), name) for each in states]


def _told(state: StepState, pods: list[dict[str, Any]], workflow: str) -> StepState:
    order = {"Failed": 0, "Error": 0, "Pending": 1, "Running": 2}
    pods = sorted(pods, key=lambda pod: str(pod.get("startedAt")), reverse=True)
    pods = sorted(pods, key=lambda pod: order.get(pod.get("phase", ""), 3))
    if not pods:
        return state
    pod = pods[0]
    phase = pod.get("phase", "")
    known = {"Failed": "failed", "Error": "failed"}.get(phase) if state.state in ("pending", "failed") else None
    message = pod.get("message") if phase not in ("Succeeded", "Running") else None
    return StepState(
        state.name, known or state.state, state.seconds, message or state.message, _pod_name(pod, workflow)
    )


def _step_of(node: dict[str, Any], nodes: Mapping[str, Any], parents: Mapping[str, str], names: set[str]) -> str:
    """Returns the step that a pod works for: the nearest node above it that is called as a step."""
    at: dict[str, Any] | None = node
    while at is not None:
        display = re.sub(r"\(\d+\)$", "", str(at.get("displayName", "")))
        if display.removesuffix("-driver") in names:
            return display.removesuffix("-driver")
        at = nodes.get(parents.get(at["id"], ""))
    return ""


def _pod_name(node: Mapping[str, Any], workflow: str) -> str:
    """Returns the pod of a node, as Argo has named pods since its version 3.4: workflow, template and the node's number."""
    if node.get("name") == workflow:
        return workflow
    number = str(node["id"]).rpartition("-")[2]
    inline = ".inline" in str(node.get("name", ""))
    return f"{workflow}-{number}" if inline else f"{workflow}-{node.get('templateName', '')}-{number}"


def _nodes(manifest: str | None) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(manifest or "{}").get("status", {}).get("nodes") or {}
    except (ValueError, AttributeError):
        return {}
    return {key: node for key, node in found.items() if isinstance(node, dict) and "id" in node}


def _workflow_name(manifest: str | None) -> str:
    return str(json.loads(manifest or "{}").get("metadata", {}).get("name", ""))
