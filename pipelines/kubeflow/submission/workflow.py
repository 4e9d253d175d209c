"""The Argo workflow of a run, which knows what the API of runs does not: pods, what was taken from the cache, why a run ended.

A step `train` is a driver pod `train-driver`, and a DAG `train` with one pod `executor`; where Argo tries again there is a node of
type Retry over each try, `train(0)`. What a node is part of, its boundary says: what it is a child of is also what ran before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

POD_NAMES = "workflows.argoproj.io/pod-name-format"
OVERRAN = re.compile(r"exceeded (its|workflow) deadline|active on the node longer than the specified deadline")
"""What Argo, its retries and Kubernetes say of a pod that was ended at a deadline."""
LEEWAY = 2.0
"""So many seconds a pod may end before the deadline, which is cut to whole ones."""

Node = dict[str, Any]


@dataclass(frozen=True)
class Pods:
    """The nodes of one step, each list with the newest first."""

    driver: tuple[Node, ...] = ()
    executor: tuple[Node, ...] = ()
    phase: str = ""
    """Phase of the step's own node."""
    cached: bool = False
    """Whether its executor was left out because the driver found the step in the cache."""


@dataclass(frozen=True)
class Workflow:
    """One workflow, as the API server keeps it."""

    name: str = ""
    deadline: int | None = None
    """Seconds that the run may take; 0 where somebody terminated it."""
    phase: str = ""
    message: str | None = None
    seconds: float | None = None
    """How long it took, once it has ended."""
    old_names: bool = False
    """Whether its pods are called as before Argo 3.4."""
    nodes: Mapping[str, Node] = field(default_factory=dict)

    @classmethod
    def read(cls, manifest: str | None) -> Workflow:
        """Reads a workflow that the API server gave; one that it did not give has nothing in it."""
        try:
            found = json.loads(manifest or "{}")
            status, metadata, spec = (found.get(key) or {} for key in ("status", "metadata", "spec"))
            nodes = status.get("nodes") or {}
        except (ValueError, AttributeError):
            return cls()
        return cls(
            name=str(metadata.get("name", "")),
            deadline=spec.get("activeDeadlineSeconds"),
            phase=str(status.get("phase") or ""),
            message=status.get("message") or None,
            seconds=_between(status.get("startedAt"), status.get("finishedAt")),
            old_names=(metadata.get("annotations") or {}).get(POD_NAMES) == "v1",
            nodes={key: node for key, node in nodes.items() if isinstance(node, dict) and "id" in node},
        )

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its end, and tells of every step."""
        return self.phase in ("Succeeded", "Failed", "Error") and bool(self.nodes)

    @property
    def terminated(self) -> bool:
        """Whether somebody terminated the run: Kubeflow sets its deadline to 0 then."""
        return self.deadline == 0

    @property
    def overran(self) -> bool:
        """Whether the run was ended at its deadline."""
        if not self.deadline or self.seconds is None or self.seconds + LEEWAY < self.deadline:
            return False
        return any(OVERRAN.search(str(node.get("message", ""))) for node in self.nodes.values())

    def pods(self, names: set[str]) -> dict[str, Pods]:
        """Returns the nodes of steps by their names."""
        found: dict[str, dict[str, list[Node]]] = {name: {"driver": [], "executor": [], "own": []} for name in names}
        for node in self.nodes.values():
            step, part = self._part(node, names)
            if step is not None:
                found[step][part].append(node)
        return {name: _pods(parts) for name, parts in found.items()}

    def pod_name(self, node: Node) -> str:
        """Returns the pod of a node: workflow, template and the node's number, or the node's id alone."""
        if self.old_names:
            return str(node["id"])
        if node.get("name") == self.name:
            return self.name
        number = str(node["id"]).rpartition("-")[2]
        inline = ".inline" in str(node.get("name", ""))
        return f"{self.name}-{number}" if inline else f"{self.name}-{node.get('templateName', '')}-{number}"

    def _part(self, node: Node, names: set[str]) -> tuple[str | None, str]:
        """Returns the step that a node is of, and as what: its driver, its own node, or its executor."""
        called = _called(node)
        if called.removesuffix("-driver") in names and called.endswith("-driver"):
            return called.removesuffix("-driver"), "driver"
        if called in names:
            return called, "own"
        seen: set[str] = set()
        boundary = self.nodes.get(node.get("boundaryID", ""))
        while boundary is not None and boundary["id"] not in seen:
            if _called(boundary) in names:
                return _called(boundary), "executor"
            seen.add(boundary["id"])
            boundary = self.nodes.get(boundary.get("boundaryID", ""))
        return None, ""


def _pods(parts: Mapping[str, list[Node]]) -> Pods:
    driver, executor, own = (
        sorted(parts[part], key=lambda node: str(node.get("startedAt")), reverse=True)
        for part in ("driver", "executor", "own")
    )
    running = [node for node in executor if node.get("type") == "Pod"]
    return Pods(
        tuple(node for node in driver if node.get("type") == "Pod"),
        tuple(running),
        str(own[0].get("phase", "")) if own else "",
        bool(executor) and not running and executor[0].get("phase") == "Skipped",
    )


def _called(node: Node) -> str:
    return re.sub(r"\(\d+\)$", "", str(node.get("displayName", "")))


def _between(start: str | None, end: str | None) -> float | None:
    try:
        return (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds()
    except ValueError:
        return None
