"""Workflows as Kubeflow's API server compiles a pipeline to and Argo's controller runs them, with the nodes that each leaves.

Written after their sources, not after what reads it. A task of a container is a driver pod `NAME-driver` and a DAG `NAME` with one
pod `executor`, which Argo skips where the driver found the task in the cache; a task with a condition that is not met is a node of
type Skipped, and what depends on one that did not succeed is Omitted. With `retried` every template has a retry strategy, as by the
workflow defaults of KFP 2.17's own manifests: then each node is one of type Retry over `NAME(0)`, `NAME(1)` ... .
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"
FULFILLED = ("Succeeded", "Failed", "Error", "Skipped", "Omitted")
STATES = {"Omitted": "RUNTIME_STATE_UNSPECIFIED", "Error": "FAILED", "": "RUNTIME_STATE_UNSPECIFIED"}
"""States of tasks for the API server, where they are not called as phases of nodes are."""


@dataclass(frozen=True)
class Did:
    """What becomes of a step: it ran, was cached or skipped, it failed (or its driver did), runs, waits, or was not reached."""

    how: str = "ran"
    message: str = ""
    tries: int = 1
    """How many pods it took."""


@dataclass
class Workflow:
    """One run of a pipeline, as its IR says."""

    spec: Mapping[str, Any]
    steps: Mapping[str, Did] = field(default_factory=dict)
    name: str = "flight-delays-abcde"
    phase: str = "Succeeded"
    message: str = ""
    deadline: int | None = None
    seconds: int = 600
    """How long it took."""
    retried: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec = self.spec.get("pipeline_spec", self.spec)
        self.components = spec.get("components", {})
        _, entry = self._dag(self.name, "entrypoint", None, [])
        driver = self._pod(f"{entry['name']}.root-driver", "system-dag-driver", entry, [entry])
        outer, root = self._dag(f"{entry['name']}.root", "root", entry, [driver])
        self._tasks(spec["root"]["dag"], root)
        entry["outboundNodes"] = [each["id"] for each in self._outbound(outer)]

    def manifest(self) -> str:
        """The workflow as JSON, as the API server keeps it."""
        ended = self.phase in ("Succeeded", "Failed", "Error")
        status = {
            "phase": self.phase,
            "message": self.message,
            "startedAt": _stamp(BEGAN),
            "finishedAt": _stamp(BEGAN + timedelta(seconds=self.seconds)) if ended else None,
            "nodes": self.nodes,
        }
        spec = {} if self.deadline is None else {"activeDeadlineSeconds": self.deadline}
        metadata = {"name": self.name, "annotations": dict(self.annotations)}
        return json.dumps({"apiVersion": "argoproj.io/v1alpha1", "metadata": metadata, "spec": spec, "status": status})

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """The run's task details: a task a node, none with the name of its pod."""
        return [_task(run, number, node) for number, (_, node) in enumerate(sorted(self.nodes.items()))]

    def pod(self, step: str, number: int = 0) -> str:
        """What the pod of a step is called, by its try."""
        inside = [each for each in self.nodes.values() if f".{step}.executor" in each["name"].replace("(0)", "")]
        return self.pod_name([each for each in inside if each["type"] == "Pod"][number])

    def driver(self, step: str) -> str:
        """What the pod of a step's driver is called."""
        names = (f"{step}-driver", f"{step}-driver(0)")
        return next(
            self.pod_name(each)
            for each in self.nodes.values()
            if each["displayName"] in names and each["type"] == "Pod"
        )

    def pod_name(self, node: Mapping[str, Any]) -> str:
        """What the pod of a node is called, since Argo 3.4 or, where the workflow says `v1`, before."""
        if self.annotations.get("workflows.argoproj.io/pod-name-format") == "v1":
            return str(node["id"])
        return f"{self.name}-{node['templateName']}-{node['id'].rpartition('-')[2]}"

    def _tasks(self, dag: Mapping[str, Any], boundary: dict[str, Any]) -> None:
        made: dict[str, dict[str, Any]] = {}
        waiting, before = dict(dag["tasks"]), {name: _before(task) for name, task in dag["tasks"].items()}
        while waiting:
            ready = [name for name in waiting if not set(before[name]) & set(waiting)]
            for name in sorted(ready):
                task = waiting.pop(name)
                if task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED":
                    made[name] = self._exit(name, task, boundary, made[task["dependentTasks"][0]])
                    continue
                above = [made.get(each, {}) for each in before[name]]
                if all(each.get("phase") in FULFILLED for each in above):
                    lost = any(each["phase"] != "Succeeded" for each in above)
                    parents = [node for each in above for node in self._outbound(each)] or [boundary]
                    made[name] = self._started(name, task, boundary, parents, lost=lost)
        needed = {each for names in before.values() for each in names}
        last = [node for name, each in made.items() if each and name not in needed for node in self._outbound(each)]
        boundary["outboundNodes"] = [each["id"] for each in last]

    def _started(
        self, name: str, task: Mapping[str, Any], boundary: Any, parents: list[Any], *, lost: bool
    ) -> dict[str, Any]:
        """Makes the nodes of one task, and returns the one that tells how it ended."""
        component = self.components[task["componentRef"]["name"]]
        did = self.steps.get(name, Did())
        path, template = (
            f"{boundary['name']}.{name}",
            "system-dag-driver" if "dag" in component else "system-container-driver",
        )
        if lost:
            driver = self._skipped(f"{path}-driver", template, boundary, parents, "Omitted")
            return self._skipped(path, template, boundary, [driver], "Omitted")
        phase = {"driver-failed": "Failed", "driver-pending": "Pending"}.get(did.how, "Succeeded")
        own = did.message if phase != "Succeeded" else ""
        driver = self._pod(f"{path}-driver", template, boundary, parents, phase, own)
        if phase == "Pending":
            return driver | {"phase": "Running"}
        after = self._outbound(driver)
        if phase == "Failed":
            return self._skipped(path, template, boundary, after, "Omitted")
        if did.how == "skipped":
            return self._skipped(path, template, boundary, after, "Skipped", "false != false")
        if "dag" in component:
            outer, inner = self._dag(path, task["componentRef"]["name"], boundary, after)
            self._tasks(component["dag"], inner)
            return outer
        return self._executed(path, did, boundary, after)

    def _exit(self, name: str, task: Mapping[str, Any], boundary: Any, group: dict[str, Any]) -> dict[str, Any]:
        """An exit task is a hook of the group that it follows, and runs however that ended."""
        if group["phase"] not in FULFILLED:
            return {}
        outer, inner = self._dag(f"{group['name']}.onExit", f"exit-hook-root-{name}", boundary, [group], "Succeeded")
        last = self._started(name, task, inner, [inner], lost=False)
        inner["outboundNodes"] = [each["id"] for each in self._outbound(last)]
        return outer

    def _executed(self, path: str, did: Did, boundary: Any, parents: list[Any]) -> dict[str, Any]:
        phase = {"failed": "Failed", "running": "Running", "pending": "Running"}.get(did.how, "Succeeded")
        outer, inner = self._dag(path, "system-container-executor", boundary, parents, phase)
        path, template = f"{inner['name']}.executor", "system-container-impl"
        if did.how == "cached":
            last = self._skipped(path, template, inner, [inner], "Skipped", "true != true")
        else:
            own = "Pending" if did.how == "pending" else phase
            last = self._pod(path, template, inner, [inner], own, did.message, did.tries)
        inner["outboundNodes"] = [each["id"] for each in self._outbound(last)]
        return outer

    def _dag(
        self, name: str, template: str, boundary: Any, parents: list[Any], phase: str | None = None
    ) -> tuple[Any, Any]:
        """Makes a node for a DAG; returns it twice, or the Retry over it and it."""
        phase = phase or self.phase
        if not self.retried:
            node = self._node(name, "DAG", template, boundary, parents, phase)
            return node, node
        outer = self._node(name, "Retry", template, boundary, parents, phase)
        return outer, self._node(f"{name}(0)", "DAG", template, boundary, [outer], phase)

    def _pod(
        self,
        name: str,
        template: str,
        boundary: Any,
        parents: list[Any],
        phase: str = "Succeeded",
        said: str = "",
        tries: int = 1,
    ) -> dict[str, Any]:
        if not self.retried and tries == 1:
            return self._node(name, "Pod", template, boundary, parents, phase, said)
        outer = self._node(name, "Retry", template, boundary, parents, "Running" if phase == "Pending" else phase, said)
        for number in range(tries):
            before = number < tries - 1
            kind = ("Failed", "main: Error (exit code 1)") if before else (phase, said)
            self._node(f"{name}({number})", "Pod", template, boundary, [outer], *kind)
        return outer

    def _skipped(
        self, name: str, template: str, boundary: Any, parents: list[Any], phase: str, when: str = ""
    ) -> dict[str, Any]:
        said = f"when '{when}' evaluated false" if when else "omitted: depends condition not met"
        return self._node(name, "Skipped", template, boundary, parents, phase, said)

    def _node(
        self, name: str, kind: str, template: str, boundary: Any, parents: list[Any], phase: str, message: str = ""
    ) -> dict[str, Any]:
        began = BEGAN + timedelta(seconds=len(self.nodes))
        node = {
            "id": self.name if name == self.name else f"{self.name}-{_fnv(name)}",
            "name": name,
            "displayName": name.removeprefix(boundary["name"]).removeprefix(".") if boundary else name,
            "type": kind,
            "templateName": template,
            "phase": phase,
            "startedAt": _stamp(began),
            "finishedAt": _stamp(began + timedelta(seconds=1)) if phase in FULFILLED else None,
        }
        node |= {"message": message} if message else {}
        node |= {"boundaryID": boundary["id"]} if boundary else {}
        self.nodes[node["id"]] = node
        for parent in parents:
            parent.setdefault("children", []).append(node["id"])
        return node

    def _outbound(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """Returns the nodes below which Argo puts what comes after a node."""
        if node["type"] == "Retry":
            return self._outbound(self.nodes[node["children"][-1]])
        if node["type"] == "DAG":
            return [self.nodes[each] for each in node.get("outboundNodes", ())]
        return [self.nodes[node["id"]]]


def _before(task: Mapping[str, Any]) -> list[str]:
    """What a task depends on: what it names, and what makes its inputs, which the API server adds by itself."""
    found = dict.fromkeys(task.get("dependentTasks", ()))
    for kind, source in (("parameters", "taskOutputParameter"), ("artifacts", "taskOutputArtifact")):
        for given in task.get("inputs", {}).get(kind, {}).values():
            found |= {given[source]["producerTask"]: None} if source in given else {}
    return list(found)


def _task(run: str, number: int, node: Mapping[str, Any]) -> dict[str, Any]:
    phase = node["phase"]
    state = STATES.get(phase, phase.upper())
    return {
        "run_id": run,
        "task_id": f"00000000-0000-4000-8000-{number:012}",
        "display_name": node["displayName"],
        "create_time": _stamp(BEGAN),
        "start_time": node["startedAt"],
        "end_time": node["finishedAt"] or NEVER,
        "state": state,
        "state_history": [{"update_time": node["startedAt"], "state": state}],
        "child_tasks": [{"pod_name": each} for each in node.get("children", ())],
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _fnv(text: str) -> int:
    """The 32 bit FNV-1a that Argo numbers nodes by."""
    found = 2166136261
    for byte in text.encode():
        found = ((found ^ byte) * 16777619) & 0xFFFFFFFF
    return found
