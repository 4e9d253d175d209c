"""What kept a model from being pushed in a run that succeeded: which gate, and what it says in its log.

A gate that Kubeflow took from its cache has no log in this run. Then an earlier run of the same pipeline in which it really ran has it:
the one with the same key of the cache, which the step's driver writes into its log.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stellwerk.errors import ClusterError
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.listing import pages
from stellwerk.pipelines.kubeflow.submission.logs import READ, refusals
from stellwerk.pipelines.kubeflow.submission.steps import StepState, states_of, with_workflow
from stellwerk.pipelines.kubeflow.submission.workflow import Workflow
from stellwerk.steps import DECLARED, GATES

JUDGES = tuple(name for name, _ in reversed(GATES))
"""Steps that judge the model, the last first: a model that the earlier one refused, the later one does not judge."""
HEEDS = next(step.name for step in DECLARED if step.heeds)
"""The step that is skipped where one of them refused the model."""
LOOKED_AT, ASKED = 50, 10
"""So many runs are listed at most for one in which a gate really ran, and of so many the workflow is asked for."""

_KEY = re.compile(r'cache_fingerprint"\s+value:\s*\{\s*string_value:\s*"([^"]+)"')


@dataclass(frozen=True)
class Looked:
    """A run and how far its steps came."""

    model: Any
    workflow: Workflow
    steps: tuple[StepState, ...]

    def step(self, name: str) -> StepState | None:
        """Returns a step by its name."""
        return next((each for each in self.steps if each.name == name), None)

    @property
    def was_kept(self) -> bool:
        """Whether its model was not pushed."""
        heeds = self.step(HEEDS)
        return heeds is not None and heeds.state == "skipped"


def looked(kubeflow: Kubeflow, model: Any) -> Looked:
    """Returns a run that the API gave with how far its steps are, as it and its workflow say."""
    workflow = Workflow.read(kubeflow.workflow(model.run_id))
    return Looked(model, workflow, tuple(with_workflow(states_of(model), workflow)))


def kept(kubeflow: Kubeflow, run: Looked) -> str:
    """Returns why the model of a run was not pushed: what a gate refused, or where that is written."""
    gates = [step for name in JUDGES if (step := run.step(name)) is not None]
    for gate in gates:
        found = refusals(_log(kubeflow, run.model.run_id, gate.pod))
        if found:
            return f"step '{gate.name}' refused:{_listed(found)}"
    if not gates:
        return f"step '{HEEDS}' was skipped, so that nothing was pushed"
    cached = [gate.name for gate in gates if gate.cached]
    return (_told_before(kubeflow, run, cached) if cached else None) or _not_told(run, gates, cached)


def _told_before(kubeflow: Kubeflow, run: Looked, cached: list[str]) -> str | None:
    """Returns what one of the gates that were taken from the cache refused when it really ran, or None where no run tells."""
    with contextlib.suppress(ClusterError):
        for earlier in _earlier(kubeflow, run):
            for name in cached:
                said = _said_then(kubeflow, run, earlier, name)
                if said is not None:
                    return said
    return None


def _said_then(kubeflow: Kubeflow, run: Looked, earlier: Looked, name: str) -> str | None:
    """Returns what a gate refused in an earlier run, where it really ran there and the cache may have taken it from there."""
    gate = earlier.step(name)
    if gate is None or gate.cached or gate.pod is None:
        return None
    now, then = _key(kubeflow, run, name), _key(kubeflow, earlier, name)
    sure = now is not None and now == then
    if now is not None and then is not None and not sure:
        return None
    found = refusals(_log(kubeflow, earlier.model.run_id, gate.pod))
    how = "from which Kubeflow's cache took it" if sure else "the newest in which it did not come from Kubeflow's cache"
    return f"step '{name}' refused, as in run {earlier.model.run_id}, {how}:{_listed(found)}" if found else None


def _earlier(kubeflow: Kubeflow, run: Looked) -> Iterator[Looked]:
    """Yields earlier runs of the same pipeline that came to the same end, the newest first."""
    listed = pages(
        kubeflow,
        kubeflow.runs.run_service_list_runs,
        "runs",
        None,
        {"experiment_id": run.model.experiment_id, "sort_by": "created_at desc"},
        size=ASKED,
    )
    asked = 0
    for _, model in zip(range(LOOKED_AT), listed, strict=False):
        heeded = next((each.state for each in states_of(model) if each.name == HEEDS), None)
        same = model.run_id != run.model.run_id and _pipeline(model) == _pipeline(run.model)
        if not same or model.created_at > run.model.created_at or (model.state, heeded) != ("SUCCEEDED", "skipped"):
            continue
        asked += 1
        yield looked(kubeflow, model)
        if asked == ASKED:
            return


def _pipeline(model: Any) -> str:
    spec = model.pipeline_spec or {}
    return str(spec.get("pipeline_spec", spec).get("pipelineInfo", {}).get("name"))


def _key(kubeflow: Kubeflow, run: Looked, name: str) -> str | None:
    """Returns a step's key of the cache, or None where no log has it (any more)."""
    drivers = run.workflow.pods({each.name for each in run.steps})[name].driver
    log = _log(kubeflow, run.model.run_id, run.workflow.pod_name(drivers[0])) if drivers else []
    return next((found[1] for line in log if (found := _KEY.search(line))), None)


def _log(kubeflow: Kubeflow, run: str, pod: str | None) -> list[str]:
    return (kubeflow.log(run, pod, READ) if pod is not None else None) or []


def _listed(sentences: list[str]) -> str:
    return f" {sentences[0]}" if len(sentences) == 1 else "".join(f"\n  {each}" for each in sentences)


def _not_told(run: Looked, gates: list[StepState], cached: list[str]) -> str:
    """Returns what to tell where no log says it: which artifact does."""
    judge = (cached or [gate.name for gate in gates])[-1]
    page = _page(run.model, judge)
    where = f"artifact '{page}' of step '{judge}'" if page else f"the dashboard, at step '{judge}'"
    why = (
        "came from Kubeflow's cache, and no run that is left has its log"
        if judge in cached
        else "has no log that says why"
    )
    other = " or rehearsal" if len(gates) > 1 else ""
    return f"the model did not pass its evaluation{other} and was not pushed; step '{judge}' {why}: see {where}"


def _page(model: Any, step: str) -> str | None:
    """Returns the name of the page that a step writes."""
    spec = model.pipeline_spec or {}
    components = spec.get("pipeline_spec", spec).get("components", {})
    outputs = components.get(f"comp-{step}", {}).get("outputDefinitions", {}).get("artifacts", {})
    pages_of = [
        name for name, each in outputs.items() if each.get("artifactType", {}).get("schemaTitle") == "system.HTML"
    ]
    return pages_of[0] if pages_of else None
