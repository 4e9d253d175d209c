"""How large a pipeline becomes on a cluster, and whether Kubernetes takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stellwerk.errors import UsageError

OBJECT = 1_500_000
"""Bytes of the largest object that etcd takes (its default, 1.5 MiB, less what a running workflow adds)."""

ARGUMENT = 131_071
"""Bytes of the longest argument of a process on Linux (MAX_ARG_STRLEN): KFP gives its drivers components and tasks as arguments."""

COPIES = 4
"""So often the workflow that KFP makes holds what a task is: its component and its container, as templates and as arguments."""


@dataclass(frozen=True)
class Size:
    """What a pipeline measures."""

    ir: int
    """Bytes of the IR file."""
    tasks: int
    """Steps, without groups."""
    workflow: int
    """Bytes that the workflow on the cluster has at most, as an estimate."""

    def __str__(self) -> str:
        return (
            f"{self.ir / 1000:.1f} kB, {self.tasks} tasks; "
            f"up to {self.workflow / 1e6:.2f} MB of {OBJECT / 1e6:g} MB as a workflow on the cluster"
        )


def measure(ir: Sequence[Mapping[str, Any]], text: str) -> Size:
    """Measures an IR. Raises UsageError where Kubernetes would not take it, and names what is large in it."""
    spec = ir[0]
    tasks = [task for _, dag in _dags(spec) for task in dag["tasks"].values()]
    groups = {name for name, component in spec["components"].items() if "dag" in component}
    count = sum(task["componentRef"]["name"] not in groups for task in tasks)
    size = Size(len(text.encode()), count, COPIES * sum(_bytes(each) for each in ir))
    for name, component in [("the whole pipeline", spec["root"]), *spec["components"].items()]:
        if _bytes(component) > ARGUMENT:
            length = _bytes(component) / 1000
            said = f"{name} is {length:.0f} kB long, and Linux takes arguments of up to {ARGUMENT / 1000:.0f} kB"
            raise UsageError(f"The pipeline is too large for Kubeflow: {said}. {_advice(spec)}")
    if size.workflow > OBJECT:
        raise UsageError(f"The pipeline is too large for Kubernetes: {size}. {_advice(spec)}")
    return size


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
