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
from stellwerk.components.lineage.code import text_digests
from stellwerk.components.sdk import dsl
from stellwerk.components.travelling import marked
from stellwerk.errors import SpecError, UsageError
from stellwerk.loading import LoadedSpec, load
from stellwerk.pipelines.graph import Graph, Step, graph, hook_environment
from stellwerk.pipelines.kubeflow.earlier import compared, comparing, reads_pushed
from stellwerk.pipelines.kubeflow.manifest import objects
from stellwerk.pipelines.kubeflow.parameters import Parameter, arguments, docstring, given_to, parameters, signature
from stellwerk.pipelines.kubeflow.settings import configure, run_settings
from stellwerk.pipelines.kubeflow.sizing import Size, measure
from stellwerk.pipelines.kubeflow.wiring import only_if, patient, without_implied
from stellwerk.pipelines.kubeflow.writing import documents, text_of
from stellwerk.spec.cluster import Cluster

JUDGES = ("rehearse", "evaluate")
"""Which step's decision says whether the model may be pushed: the first that is in the graph."""

RETURNED = "Output"
"""What KFP calls the value that a component returns; its local runner finds the parameters of conditions by this name alone."""

ROWS = ("examples", "transformed")
"""Artifacts that a step can read where they lie: their makers return their URI, and their readers take it as `<artifact>_uri`."""

REPORTED = (
    ("validation", "validate"),
    ("history", "train"),
    ("model", "train"),
    ("evaluation", "evaluate"),
    ("blessing", "evaluate"),
    ("rehearsal", "rehearse"),
)
"""Artifacts that the report of the run is made from, and who makes them."""

WITHIN = {"statistics": "validation", "schema": "validation", "anomalies": "validation"}
"""Artifacts that faces pass on inside another, see `components.parts`."""

OF_THE_MODEL = ("ingest", "validate", "transform", "train")
"""Steps whose parameters decide what the model is."""

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
    names = {step.name for step in described.steps}
    judge = next((name for name in JUDGES if name in names), None)
    if local:
        return made
    if "push" in names and judge is not None:
        made[0] = only_if(made[0], "push", (judge, RETURNED))
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
        tasks = {"resolve": self._resolve(declared, given)}
        for step in self.graph.steps:
            values = self._values(step, declared, given, tasks)
            artifacts = {}
            for name, (made, artifact) in step.inputs.items():
                if self._in_place and artifact in ROWS:
                    values[f"{name}_uri"] = tasks[made].outputs[RETURNED]
                else:
                    artifacts[WITHIN.get(name, name)] = tasks[made].outputs[WITHIN.get(artifact, artifact)]
            tasks[step.name] = task = getattr(components, step.name)(**values, **artifacts)
            reached = ("push",) if reads_pushed(self.loaded.spec, step.name) else ()
            configure(task, step.name, self.cluster, cached=step.cached, local=self.local, reached=reached)
            for name, value in hook_environment(self.loaded.spec, step).items():
                task.set_env_variable(name, value)
        if not self.local:
            self._report(tasks)

    @property
    def _in_place(self) -> bool:
        return self.cluster.examples == "in_place" and not self.local

    def _resolve(self, declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> Any:
        """Adds the step that looks at the world outside, so that whatever it finds unchanged may come from KFP's cache."""
        spec = self.loaded.spec
        made = {step.name: arguments(step, declared) for step in self.graph.steps if step.name in OF_THE_MODEL}
        files = {step.name: _texts(step) for step in self.graph.steps}
        recipe = hashlib.sha256(json.dumps([made, files], sort_keys=True).encode()).hexdigest()
        changed = {each.argument: given[each.name] for each in given_to("resolve", declared)}
        place: dict[str, Any] = {}
        if spec.push is not None and comparing(spec):
            place = {"name": spec.name, "pushed_to": given.get("push_to", spec.push.to)}
        data = marked(_without_none(made["ingest"]["data"]))
        task = components.resolve(data=data, recipe=recipe, **changed, **place)
        reached = ("ingest", "push") if place else ("ingest",)
        configure(task, "resolve", self.cluster, cached=False, local=self.local, reached=reached)
        return task

    def _report(self, tasks: Mapping[str, Any]) -> None:
        """Adds the page of the whole run. It stands beside push, which may refuse, and takes no rows."""
        made = {name: tasks[maker].outputs[name] for name, maker in REPORTED if maker in tasks}
        task = components.report(context=marked(self._context()), spec=marked(self.loaded.text), **made)
        configure(task, "report", self.cluster, local=self.local)

    def _values(
        self, step: Step, declared: tuple[Parameter, ...], given: Mapping[str, Any], tasks: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Returns everything that a step is given but artifacts."""
        own = {each.argument: given[each.name] for each in given_to(step.name, declared)}
        values: dict[str, Any] = marked(_without_none(arguments(step, declared)) | _texts(step)) | own
        if "directory" in step.context:
            values["directory"] = given["directory"]
        if "context" in step.context:
            values |= {"context": marked(self._context()), "run": dsl.PIPELINE_JOB_ID_PLACEHOLDER}
        if step.name == "ingest":
            values["identity"] = tasks["resolve"].outputs["identity"]
        if step.name == "push":
            values["resolved"] = tasks["resolve"].outputs["resolved"]
        argument = compared(self.loaded.spec, step.name)
        if argument is not None:
            values[f"{argument}_uri"] = tasks["resolve"].outputs[argument]
        return values | self._refusing(step)

    def _refusing(self, step: Step) -> dict[str, Any]:
        """Lets transform refuse what validate found: of a step that fails, the dashboard keeps no page and no artifact."""
        if self.local or self.loaded.spec.validate_.on_anomaly != "fail":
            return {}
        return {"validate": {"stop": False}, "transform": {"stop": True}}.get(step.name, {})

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
