"""Graph to KFP v2 IR: a YAML file that any Kubeflow Pipelines 2.x backend accepts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stellwerk import components
from stellwerk.components.sdk import dsl
from stellwerk.errors import SpecError, UsageError
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.graph import Graph, Step, graph
from stellwerk.pipelines.kubeflow.writing import documents, text_of
from stellwerk.spec.cluster import Cluster, Resources

DIRECTORY = "/data"
"""Where relative paths of the spec start on a cluster, unless the run's parameter `directory` says otherwise."""

ACCELERATOR = "nvidia.com/gpu"


def compile(loaded: LoadedSpec, output: str | Path) -> None:  # noqa: A001 - the verb of KFP
    """Writes the KFP v2 IR of a spec: the same spec, hooks and schema give the same bytes.

    Every step is a task in the image `cluster.image`. Hook files and the curated schema travel as parameters. Data does not
    travel: the pipeline's parameter `directory` says where relative paths start inside the containers, e.g. a mounted
    volume. Values from environment variables are written as they are at this moment.

    Raises SpecError without a `cluster` section, UsageError when `output` cannot be written.
    """
    cluster = loaded.spec.cluster
    if cluster is None:
        message = (
            "is missing. A pipeline for Kubeflow runs in an image: add `cluster: {image: REGISTRY/stellwerk:TAG}`."
        )
        raise SpecError([loaded.problem(("cluster",), message)])
    output = Path(output)
    pipeline = _pipeline(loaded, graph(loaded), cluster)
    if output.suffix not in (".yaml", ".yml"):
        raise UsageError(f"{output}: the IR is YAML. Give a file that ends in .yaml.")
    ir = text_of(documents(pipeline))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(ir, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror or error}.") from error


def _pipeline(loaded: LoadedSpec, described: Graph, cluster: Cluster) -> Any:
    digest = hashlib.sha256(loaded.spec.model_dump_json(by_alias=True).encode()).hexdigest()
    context = {"pipeline": described.name, "spec_digest": digest, "spec": loaded.path.name}

    def pipeline(directory: str = DIRECTORY) -> None:
        """Made from a spec by Stellwerk.

        Args:
            directory: Folder inside the containers where relative paths of the spec start.

        """
        tasks: dict[str, Any] = {}
        given = {"directory": directory, "context": context}
        for step in described.steps:
            artifacts = {name: tasks[made].outputs[artifact] for name, (made, artifact) in step.inputs.items()}
            task = getattr(components, step.name)(**_parameters(step, given), **artifacts)
            tasks[step.name] = _configured(task, step, cluster)

    pipeline.__annotations__ = {"directory": str}  # KFP reads classes, not their names
    return dsl.pipeline(pipeline, name=described.name)


def _parameters(step: Step, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {**_without_none(step.parameters), **{name: given[name] for name in step.context}}
    parameters |= {name: path.read_text(encoding="utf-8") for name, path in step.files.items()}
    if "context" in step.context:
        parameters["run"] = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    return parameters


def _without_none(value: Any) -> Any:
    """Leaves out what is None, which every section takes for not said: KFP has no such value."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, (list, tuple)) else value


def _configured(task: Any, step: Step, cluster: Cluster) -> Any:
    task.set_container_image(cluster.image)
    from_outside = "directory" in step.context  # KFP would take yesterday's result for today's files of the same name
    task.set_caching_options(step.cached and not from_outside)
    wanted = dict[str, Resources](cluster.resources.items()).get(step.name, Resources())
    if wanted.cpu is not None:
        task.set_cpu_request(f"{wanted.cpu:g}").set_cpu_limit(f"{wanted.cpu:g}")
    if wanted.memory is not None:
        task.set_memory_request(wanted.memory).set_memory_limit(wanted.memory)
    if wanted.gpu is not None:
        task.set_accelerator_type(ACCELERATOR).set_accelerator_limit(wanted.gpu)
    return task
