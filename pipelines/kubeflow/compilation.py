"""Graph to KFP v2 IR: a YAML file that any Kubeflow Pipelines 2.x backend accepts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk import components
from stellwerk.components.artifacts.folders import write_text
from stellwerk.components.escaping import marked
from stellwerk.components.lineage.code import text_digests
from stellwerk.components.sdk import dsl
from stellwerk.errors import SpecError, UsageError
from stellwerk.loading import LoadedSpec, load
from stellwerk.pipelines.arguments import at
from stellwerk.pipelines.graph import Graph, Step, graph, hook_environment, step_of
from stellwerk.pipelines.kubeflow.manifest import objects
from stellwerk.pipelines.kubeflow.parameters import Parameter, arguments, docstring, given_to, parameters, signature
from stellwerk.pipelines.kubeflow.previous_artifacts import compared, comparing, others_reach
from stellwerk.pipelines.kubeflow.settings import configure, run_settings
from stellwerk.pipelines.kubeflow.sizing import Size, measure
from stellwerk.pipelines.kubeflow.wiring import only_if, patient, without_implied
from stellwerk.pipelines.kubeflow.writing import documents, text_of
from stellwerk.spec.cluster import Cluster
from stellwerk.steps import GATES, ROWS, extra, leading_to, output_named

RETURNED = "Output"
"""What KFP calls the value that a component returns; its local runner finds the parameters of conditions by this name alone."""

ROOT_HERE = (
    "is a folder of this machine, where `stellwerk run --docker` keeps artifacts; Kubeflow keeps them in stores only. Write "
    "gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or minio://BUCKET/PREFIX, or give one for this time: --set cluster.pipeline_root=URI"
)
"""What is said of a pipeline root that no cluster knows."""


def compile(  # noqa: A001 - the verb of KFP
    spec: LoadedSpec | str | Path,
    output: str | Path,
    *,
    kubernetes_manifest: bool = False,
    namespace: str | None = None,
) -> Size:
    """Writes the KFP v2 IR of a spec, loaded or by its path, and returns its size: the same spec, hooks and schema give the same bytes.

    Every step is a task in the image `cluster.image`. Hook files and the curated schema travel as parameters. Data does not
    travel: the pipeline's parameter `directory` says where relative paths start inside the containers, e.g. a mounted
    volume. Values from environment variables are written as they are at this moment. With `kubernetes_manifest` the same is
    written as Kubernetes objects, for `namespace` where one is given.

    Raises SpecError without a `cluster` section and for a pipeline root that is no store, UsageError when `output` cannot be written or Kubernetes would not take it.
    """
    output = Path(output)
    if output.suffix not in (".yaml", ".yml"):
        raise UsageError(f"{output}: the IR is YAML. Give a file that ends in .yaml.")
    ir = intermediate(spec if isinstance(spec, LoadedSpec) else load(spec))
    text = text_of(objects(ir, namespace) if kubernetes_manifest else ir, ir[0])
    size = measure(ir, text)
    try:
        write_text(output, text)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror or error}.") from error
    return size


def intermediate(loaded: LoadedSpec, steps: Graph | None = None, *, local: bool = False) -> list[dict[str, Any]]:
    """Returns the documents of the IR: the pipeline's, and the one for Kubernetes where there is something in it.

    `steps` is a part of the spec's graph, by default all of it. `local` is for KFP's local runner: without what only a cluster
    has, and without conditions, which not every SDK's runner knows: push refuses by itself there. Raises SpecError without a `cluster` section, and for a cluster with
    a pipeline root that is a folder of this machine.
    """
    cluster = loaded.spec.cluster
    if cluster is None:
        message = (
            "is missing. A pipeline for Kubeflow runs in an image: add `cluster: {image: REGISTRY/stellwerk:TAG}`."
        )
        raise SpecError([loaded.problem(("cluster",), message)])
    if cluster.root_here is not None and not local:
        raise SpecError([loaded.problem(("cluster", "pipeline_root"), ROOT_HERE)])
    described = steps or graph(loaded)
    made = documents(_Pipeline(loaded, described, cluster, local).described())
    if local:
        return made
    names = {step.name for step in described.steps}
    judge = next((name for name, _ in reversed(GATES) if name in names), None)
    for step in described.steps:
        if step.declared.heeds and judge is not None:
            made[0] = only_if(made[0], step.name, (judge, RETURNED))
    return [patient(without_implied(made[0])), *made[1:]]


@dataclass(frozen=True)
class _Pipeline:
    loaded: LoadedSpec
    graph: Graph
    cluster: Cluster
    local: bool

    def described(self) -> Any:
        """Returns the pipeline as KFP knows it."""
        declared = parameters(self.loaded, self.graph)

        def pipeline(*values: Any) -> None:
            self._tasks(declared, dict(zip([each.name for each in declared], values, strict=True)))

        pipeline.__signature__ = signature(declared)  # type: ignore[attr-defined] # what KFP reads
        pipeline.__doc__ = docstring(self._summary(), declared)
        config = None if self.local else run_settings(self.loaded, self.cluster)
        root = None if self.local else self.cluster.pipeline_root
        settings = {"pipeline_config": config} if config else {}
        return dsl.pipeline(pipeline, name=self.graph.name, pipeline_root=root, **settings)

    def _tasks(self, declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> None:
        first, last = extra("first"), extra("last")
        tasks = {first.name: self._first(step_of(first, self.loaded, {}), declared, given)}
        for step in self.graph.steps:
            values = self._values(step, declared, given) | self._found(step, tasks[first.name]) | self._refusing(step)
            tasks[step.name] = self._task(step, values, tasks)
            for name, value in hook_environment(self.loaded.spec, step).items():
                tasks[step.name].set_env_variable(name, value)
        if not self.local:  # it stands beside what pushes, which may refuse, and takes no rows
            step = step_of(last, self.loaded, self._made())
            self._task(step, self._values(step, declared, given), tasks)

    def _task(self, step: Step, values: dict[str, Any], tasks: Mapping[str, Any]) -> Any:
        """Adds the task of a step that is given `values`, and the artifacts of other tasks."""
        artifacts = {}
        for name, (made, artifact) in step.inputs.items():
            if self._in_place and artifact in ROWS:
                values[f"{name}_uri"] = tasks[made].outputs[RETURNED]
            else:
                shown = output_named(artifact).shown
                artifacts[shown if shown != artifact else name] = tasks[made].outputs[shown]
        task = getattr(components, step.name)(**values, **artifacts)
        reached = others_reach(self.loaded.spec, step.name)
        configure(task, step.name, self.cluster, local=self.local, reached=reached)
        return task

    def _made(self) -> dict[str, str]:
        """Returns the artifacts that the faces of the graph's steps write, with the steps that do."""
        written = {step.name: (*step.declared.outputs, *step.declared.aside) for step in self.graph.steps}
        return {each.name: step for step, outputs in written.items() for each in outputs}

    @property
    def _in_place(self) -> bool:
        return self.cluster.examples == "in_place" and not self.local

    def _first(self, step: Step, declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> Any:
        """Adds the step that looks at the world outside, so that whatever it finds unchanged may come from KFP's cache."""
        spec = self.loaded.spec
        of_the_model = leading_to("model")
        made = {each.name: arguments(each, declared) for each in self.graph.steps if each.name in of_the_model}
        files = {each.name: _texts(each) for each in self.graph.steps}
        recipe = hashlib.sha256(json.dumps([made, files], sort_keys=True).encode()).hexdigest()
        place: dict[str, Any] = {}
        if spec.push is not None and comparing(spec):
            place = {"name": spec.name, "pushed_to": given.get("push_to", spec.push.to)}
        return self._task(step, {**self._values(step, declared, given), "recipe": recipe, **place}, {})

    def _values(self, step: Step, declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns everything that a step is given by the spec, the run and the engine."""
        own = {each.argument: given[each.name] for each in given_to(step.name, declared)}
        known = {
            "directory": given["directory"],
            "context": marked(self._context()),
            "run": dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            "spec": marked(self.loaded.text),
        }
        values: dict[str, Any] = marked(_without_none(arguments(step, declared)) | _texts(step))
        return values | own | {name: known[name] for name in step.context}

    def _found(self, step: Step, first: Any) -> dict[str, Any]:
        """Returns what the first step found out for another."""
        found = {name: first.outputs[name] for name in step.declared.found}
        return found | {f"{name}_uri": first.outputs[name] for name in compared(self.loaded.spec, step.name)}

    def _refusing(self, step: Step) -> dict[str, Any]:
        """Lets the next step refuse what a gate found: of a step that fails, the dashboard keeps no page and no artifact."""
        if self.local:
            return {}
        for other in self.graph.steps:
            gate = other.declared.gate
            if gate is not None and not gate.said and at(self.loaded.spec, gate.when[0]) == gate.when[1]:
                if step is other:
                    return {"stop": False}
                if step.declared.admits == gate.artifact:
                    return {"stop": True}
        return {}

    def _context(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.loaded.spec.model_dump_json(by_alias=True).encode()).hexdigest()
        context: dict[str, Any] = {"pipeline": self.graph.name, "spec_digest": digest, "spec": self.loaded.path.name}
        if self.graph.hooks:
            context["hooks"] = text_digests(self.graph.hooks)
        return context

    def _summary(self) -> str:
        spec = self.loaded.spec
        features = f"{len(spec.features)} features" if len(spec.features) > 1 else "one feature"
        said = f"Predicts '{spec.target.column}' ({spec.target.type}) from {features}."
        return f"{said} Made from {self.loaded.path.name} by Stellwerk."


def _texts(step: Step) -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in step.files.items()}


def _without_none(value: Any) -> Any:
    """Leaves out what is None, which every section takes for not said: KFP has no such value."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, (list, tuple)) else value
