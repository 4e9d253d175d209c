"""How large a pipeline becomes on a cluster, and whether Kubernetes takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stellwerk.errors import UsageError

WORKFLOW = 524_288
"""Bytes of the largest workflow to send: half of what Argo lets one have, which leaves as much for its record of the steps (compressed)."""

ARGUMENT = 131_071
"""Bytes of the longest argument, or variable of the environment, of a process on Linux (MAX_ARG_STRLEN)."""

DRIVER = 3_000
"""Bytes of the template of a driver, which Argo before 3.6 puts into one variable, without what the driver is given."""

TASK = 2_800
"""Bytes that a task adds to a workflow besides what is written of it in the IR: 1,700 to 2,650 were measured."""


@dataclass(frozen=True)
class Size:
    """What a pipeline measures."""

    ir: int
    """Bytes of the IR file."""
    tasks: int
    """Steps, without groups."""
    workflow: int
    """Bytes that the workflow on the cluster begins with, at most."""

    def __str__(self) -> str:
        return (
            f"{self.ir / 1000:.1f} kB, {self.tasks} tasks; "
            f"up to {self.workflow / 1000:.0f} kB of {WORKFLOW / 1000:.0f} kB as a workflow on the cluster"
        )


def measure(ir: Sequence[Mapping[str, Any]], text: str) -> Size:
    """Measures an IR. Raises UsageError where Kubernetes would not take it, and names what is large in it."""
    spec = ir[0]
    tasks = [task for _, dag in _dags(spec) for task in dag["tasks"].values()]
    groups = {name for name, component in spec["components"].items() if "dag" in component}
    count = sum(task["componentRef"]["name"] not in groups for task in tasks)
    size = Size(len(text.encode()), count, _workflow(ir, tasks))
    for name, given in _drivers(ir):
        length = DRIVER + sum(map(_quoted, given))
        if length > ARGUMENT:
            said = f"what starts {name} is {length / 1000:.0f} kB long, and Linux takes arguments of up to {ARGUMENT / 1000:.0f} kB"
            raise UsageError(f"The pipeline is too large for Kubeflow: {said}. {_advice(spec)}")
    if size.workflow > WORKFLOW:
        raise UsageError(f"The pipeline is too large for Kubernetes: {size}. {_advice(spec)}")
    return size


def _workflow(ir: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]]) -> int:
    """Returns the bytes of the Argo workflow that KFP makes: parts of the IR as text inside JSON, tasks within their group and alone."""
    spec, *_ = ir
    components = [spec["root"], *spec["components"].values()]
    return sum(map(_quoted, [*components, *_executors(spec).values(), *_platform(ir).values(), *tasks])) + TASK * len(
        tasks
    )


def _drivers(ir: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """What the pod that decides on a task is given as arguments: its component, its task, its container, its settings."""
    spec = ir[0]
    yield "the whole pipeline", [spec["root"]]
    for _, dag in _dags(spec):
        for name, task in dag["tasks"].items():
            component = spec["components"][task["componentRef"]["name"]]
            label = component.get("executorLabel", "")
            yield name, [component, task, _executors(spec).get(label, {}), _platform(ir).get(label, {})]


def _executors(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    executors: Mapping[str, Any] = spec["deploymentSpec"]["executors"]
    return executors


def _platform(ir: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Returns what Kubernetes is told of the executors, by their labels."""
    found: dict[str, Any] = {}
    for document in ir[1:]:
        found |= document["platforms"]["kubernetes"].get("deploymentSpec", {}).get("executors", {})
    return found


def _dags(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, component in [("root", spec["root"]), *spec["components"].items()]:
        if "dag" in component:
            yield name, component["dag"]


def _advice(spec: Mapping[str, Any]) -> str:
    """Names what is largest among the values that travel in the pipeline: hooks, schema, query."""
    found = [
        (_bytes(given["runtimeValue"]["constant"]), f"{name}.{argument}")
        for _, dag in _dags(spec)
        for name, task in dag["tasks"].items()
        for argument, given in task.get("inputs", {}).get("parameters", {}).items()
        if "runtimeValue" in given
    ]
    largest = ", ".join(f"{what} {length / 1000:.0f} kB" for length, what in sorted(found, reverse=True)[:3])
    return f"Largest in it: {largest}. Keep hook files small: what is large belongs into a package in the image."


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _quoted(value: Any) -> int:
    """Returns the bytes of a value that is JSON within a text of JSON, where quotes and line ends take one more."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
