"""Reads an IR file and says what is wrong with it: somebody may have edited it, and a backend says so only when the run fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format

from stellwerk.components.sdk import pipeline_spec_pb2
from stellwerk.errors import UsageError, did_you_mean
from stellwerk.pipelines.kubeflow.wiring import waits_for

Keys = tuple[str, ...]
Found = Iterator[tuple[Keys, str]]

MOST = 8
"""So many problems are told at once."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


def read_ir(path: str | Path) -> dict[str, Any]:
    """Returns the pipeline in an IR file, as `read_documents` does."""
    return read_documents(path)[0]


def read_documents(path: str | Path) -> tuple[dict[str, Any], ...]:
    """Returns the documents of an IR file: the pipeline's and, where there is one, the platform's.

    Raises UsageError with file, line and what is wrong where the file is no IR, or none that can run: unknown fields, steps,
    artifacts and components that are not there, missing and surplus inputs, defaults of another type, circles, no image.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        nodes = list(yaml.compose_all(text, Loader=_LOADER))
        documents = tuple(yaml.load_all(text, Loader=_LOADER))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UsageError(f"{where}: is no YAML: {getattr(error, 'problem', None) or error}. {_AGAIN}") from error
    _shape(path, documents)
    found = list(problems(documents))
    if found:
        said = [f"{path}:{_line(nodes, keys)}: {'.'.join(keys)}: {what}." for keys, what in found[:MOST]]
        more = f" There are {len(found) - MOST} more." if len(found) > MOST else ""
        raise UsageError(
            "\n".join(said).replace(": : ", ": ") + f"{more}\n{path}: was edited after it was compiled. {_AGAIN}"
        )
    return documents


_AGAIN = "Compile the spec again."


def _shape(path: Path, documents: tuple[Any, ...]) -> None:
    if any(isinstance(each, dict) and each.get("kind") in ("Pipeline", "PipelineVersion") for each in documents):
        raise UsageError(
            f"{path}: holds Kubernetes objects, which `kubectl apply` takes. Compile without --kubernetes-manifest."
        )
    if not 1 <= len(documents) <= 2 or not all(isinstance(each, dict) for each in documents):
        raise UsageError(f"{path}: is no compiled pipeline: it must hold one or two YAML documents. {_AGAIN}")
    info = documents[0].get("pipelineInfo")
    if not isinstance(info, dict) or not isinstance(info.get("name"), str):
        raise UsageError(f"{path}: is no compiled pipeline: it has no pipelineInfo.name. {_AGAIN}")


def problems(documents: tuple[dict[str, Any], ...]) -> Found:
    """Yields what is wrong in an IR: the keys where it is, and what."""
    spec = documents[0]
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    except json_format.ParseError as error:
        said = str(error).splitlines()[0].rpartition("Failed to parse ")[2].rstrip(".")
        yield (), f"is not as KFP reads it: {said}"
        return
    for key in ("root", "components", "deploymentSpec", "schemaVersion"):
        if not spec.get(key):
            yield (), f"has no '{key}'"
            return
    executors = spec["deploymentSpec"].get("executors", {})
    yield from _executors(spec, executors)
    yield from _defaults(spec["root"])
    for keys, component in _dags(spec):
        yield from _dag(spec, keys, component)
    if len(documents) > 1:
        yield from _platform(documents[1], executors)


def _dags(spec: Mapping[str, Any]) -> Iterator[tuple[Keys, Mapping[str, Any]]]:
    yield ("root",), spec["root"]
    for name, component in spec["components"].items():
        if "dag" in component:
            yield ("components", name), component


def _executors(spec: Mapping[str, Any], executors: Mapping[str, Any]) -> Found:
    for name, component in spec["components"].items():
        label = component.get("executorLabel")
        if "dag" not in component and label not in executors:
            yield ("components", name, "executorLabel"), _unknown("executor", label, executors)
    for name, executor in executors.items():
        if "container" in executor and not executor["container"].get("image"):
            yield ("deploymentSpec", "executors", name), "has no image"


def _defaults(root: Mapping[str, Any]) -> Found:
    for name, each in root.get("inputDefinitions", {}).get("parameters", {}).items():
        kinds, default = _TYPES.get(each.get("parameterType", "")), each.get("defaultValue")
        wrong = kinds is not None and default is not None and not isinstance(default, kinds)
        if wrong or (each.get("parameterType") == "NUMBER_INTEGER" and isinstance(default, float) and default % 1):
            where = ("root", "inputDefinitions", "parameters", name, "defaultValue")
            yield where, f"is no {each['parameterType']}. Received: {default!r}"


def _dag(spec: Mapping[str, Any], keys: Keys, component: Mapping[str, Any]) -> Found:
    tasks = component.get("dag", {}).get("tasks", {})
    for name, task in tasks.items():
        at = (*keys, "dag", "tasks", name)
        reference = task.get("componentRef", {}).get("name")
        if reference not in spec["components"]:
            yield (*at, "componentRef"), _unknown("component", reference, spec["components"])
            continue
        for before in task.get("dependentTasks", []):
            if before not in tasks:
                yield (*at, "dependentTasks"), _unknown("task", before, tasks)
        yield from _inputs(spec, component, tasks, at, task)
    needs = {name: waits_for(task) & tasks.keys() for name, task in tasks.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        yield (*keys, "dag", "tasks"), f"go in a circle: {' → '.join(error.args[1])}"


def _inputs(
    spec: Mapping[str, Any], around: Mapping[str, Any], tasks: Mapping[str, Any], at: Keys, task: Mapping[str, Any]
) -> Found:
    """Yields what is wrong with what one task is given."""
    defined = spec["components"][task["componentRef"]["name"]].get("inputDefinitions", {})
    for kind in ("artifacts", "parameters"):
        given, known = task.get("inputs", {}).get(kind, {}), defined.get(kind, {})
        for name, source in given.items():
            where = (*at, "inputs", kind, name)
            # What only a condition or an exit task asks is given besides.
            if name not in known and not name.startswith("pipelinechannel--"):
                yield where, _unknown("input", name, known)
            yield from _source(spec, around, tasks, where, source)
        for name, each in known.items():
            if name not in given and not each.get("isOptional") and "defaultValue" not in each:
                yield (*at, "inputs"), f"lacks '{name}', which the step needs"


def _source(
    spec: Mapping[str, Any], around: Mapping[str, Any], tasks: Mapping[str, Any], where: Keys, source: Mapping[str, Any]
) -> Found:
    kind = "artifacts" if where[-2] == "artifacts" else "parameters"
    singular = kind.removesuffix("s").capitalize()
    outer = source.get(f"componentInput{singular}")
    known = around.get("inputDefinitions", {}).get(kind, {})
    if outer is not None and outer not in known:
        yield where, _unknown("input of the pipeline", outer, known)
    made = source.get(f"taskOutput{singular}") or source.get("taskFinalStatus")
    if made is None:
        return
    producer = made.get("producerTask")
    if producer not in tasks:
        yield where, _unknown("task", producer, tasks)
        return
    reference = tasks[producer].get("componentRef", {}).get("name")
    outputs = spec["components"].get(reference, {}).get("outputDefinitions", {}).get(kind, {})
    output = made.get(f"output{singular}Key")
    if output is not None and output not in outputs:
        yield where, _unknown(f"output of {producer}", output, outputs)


def _platform(platform: Mapping[str, Any], executors: Mapping[str, Any]) -> Found:
    if set(platform) != {"platforms"}:
        yield (), "has a second document that is no platform spec"
        return
    for name, each in platform["platforms"].items():
        for executor in each.get("deploymentSpec", {}).get("executors", {}):
            if executor not in executors:
                yield ("platforms", name, "deploymentSpec"), _unknown("executor", executor, executors)


def _unknown(what: str, name: Any, known: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(known)) or "none"
    return f"there is no {what} '{name}'.{did_you_mean(str(name), known)} Known: {names}"


def _line(documents: list[Any], keys: Keys) -> int:
    """Returns the line of the value at `keys`, or of the nearest mapping around it that the file holds."""
    node = documents[1 if keys[:1] == ("platforms",) else 0]
    line: int = node.start_mark.line
    for key in keys:
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((name, value) for name, value in entries if name.value == key), None)
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1
