"""How far a run is at one look, and what the API server notes of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from .argo import Did, Workflow

FIRST, SECONDS = datetime(2026, 11, 21, tzinfo=UTC), itertools.count()


@dataclass
class Scene:
    """How far a run is, at one look: with its workflow, or with tasks and nodes that a test writes down itself."""

    state: str
    tasks: dict[str, str] = field(default_factory=dict)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    workflow: Workflow | None = None

    @classmethod
    def of(cls, ir: Path, state: str, steps: Mapping[str, Did] | None = None, **more: Any) -> Scene:
        """A look at a run of a compiled pipeline, in which steps that are not named have run."""
        phase = {"SUCCEEDED": "Succeeded", "FAILED": "Failed"}.get(state, "Running")
        spec = next(yaml.load_all(ir.read_text(), yaml.CSafeLoader))
        return cls(state, workflow=Workflow(spec, steps or {}, phase=phase, **more))

    def details(self, run_id: str) -> list[dict[str, Any]]:
        """The tasks that are reported of it."""
        if self.workflow is not None:
            return self.workflow.tasks(run_id)
        tasks = [{"display_name": name, "state": state, "run_id": run_id} for name, state in self.tasks.items()]
        times = {"create_time": now(), "start_time": now(), "end_time": now()}
        return [{**task, **times} for task in tasks]

    def manifest(self) -> str:
        """The workflow that is reported of it."""
        if self.workflow is not None:
            return self.workflow.manifest()
        status = {"nodes": {node["id"]: node for node in self.nodes}}
        return json.dumps({"metadata": {"name": "flight-delays-abcde"}, "status": status})


def reported(run: dict[str, Any], state: str) -> None:
    """Notes a state, and in the history where it is another than the one before."""
    run["state"] = state
    if not run["state_history"] or run["state_history"][-1]["state"] != state:
        run["state_history"].append({"update_time": now(), "state": state})


def now() -> str:
    """The moment, which is never the same twice."""
    return (FIRST + timedelta(seconds=next(SECONDS))).strftime("%Y-%m-%dT%H:%M:%SZ")
