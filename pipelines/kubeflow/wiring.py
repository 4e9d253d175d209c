"""What tasks of an IR wait for, said so that the dashboard draws no more than there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PATIENCE = f"{30 * 86_400}s"
"""No task of a pipeline takes so long, with all its attempts."""


def waits_for(task: Mapping[str, Any]) -> set[str]:
    """Returns the tasks that must have succeeded before one: those that it names, and those that make what it is given."""
    inputs = [source for kind in task.get("inputs", {}).values() for source in kind.values()]
    made = [each.get("taskOutputArtifact") or each.get("taskOutputParameter") or {} for each in inputs]
    return {*task.get("dependentTasks", ()), *(each["producerTask"] for each in made if "producerTask" in each)}


def without_implied(spec: dict[str, Any]) -> dict[str, Any]:
    """Leaves out of the tasks of an IR that they wait for the makers of their inputs.

    Every backend adds that by itself (backend/src/v2/compiler/argocompiler/dag.go: `addImplicitDependencies`), and for each that
    is written down the dashboard draws one more arrow beside the one through the artifact: 57 instead of 41, which cross three
    times as often.
    """
    for task in spec["root"]["dag"]["tasks"].values():
        named = task.pop("dependentTasks", [])
        said = [name for name in named if name not in waits_for(task)]
        if said:
            task["dependentTasks"] = said
    return spec


def patient(spec: dict[str, Any]) -> dict[str, Any]:
    """Lets tasks of an IR that may be tried again take as long as they do.

    KFP hands `backoffMaxDuration` to Argo as `maxDuration`, which is no pause: it counts from the start of the first attempt. A task
    that fails after that time is not tried again, and one that was is killed then.
    """
    for task in spec["root"]["dag"]["tasks"].values():
        if "retryPolicy" in task:
            task["retryPolicy"]["backoffMaxDuration"] = PATIENCE
    return spec


def only_if(spec: dict[str, Any], name: str, decision: tuple[str, str]) -> dict[str, Any]:
    """Lets a task of an IR run only where `decision`, a task and its output parameter, is true; else it shows as skipped.

    `dsl.If` would put it into a group, which the dashboard draws as a box with the task one level below. The drivers of all
    Kubeflow Pipelines 2.x evaluate the condition of a single task as well (backend/src/v2/driver: `GetTriggerPolicy` in
    `Container`), from what the task is given; its component need not know of it.
    """
    task = spec["root"]["dag"]["tasks"][name]
    producer, output = decision
    asked = f"pipelinechannel--{producer}-{output}"
    made = {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": output}}
    task.setdefault("inputs", {}).setdefault("parameters", {})[asked] = made
    task["triggerPolicy"] = {"condition": f"inputs.parameter_values['{asked}'] == true"}
    return spec
