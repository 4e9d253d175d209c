"""KFP's compiled pipeline to the bytes of an IR file: the same pipeline the same bytes, and nothing in it that is not used."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from google.protobuf import json_format

from stellwerk import components


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, so that a component's source can be read in the IR and in its diffs."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def documents(pipeline: Any) -> list[dict[str, Any]]:
    """Returns the IR of a pipeline made with `dsl.pipeline`: the pipeline's spec and, where there is one, the platform's."""
    made = [json_format.MessageToDict(pipeline.pipeline_spec)]
    if pipeline.platform_spec.platforms:
        made.append(_as_before(json_format.MessageToDict(pipeline.platform_spec)))
    return [without_docstrings(with_meanings(without_unwired(made[0]))), *made[1:]]


def _as_before(platform: dict[str, Any]) -> dict[str, Any]:
    """Returns a platform's spec without `optional: false`, which is the default anyway, where Kubeflow before 2.15 refuses the word."""
    for executor in platform["platforms"]["kubernetes"].get("deploymentSpec", {}).get("executors", {}).values():
        for given in [*executor.get("secretAsEnv", []), *executor.get("configMapAsEnv", [])]:
            if given.get("optional") is False:
                del given["optional"]
    return platform


def text_of(ir: Sequence[Mapping[str, Any]], described: Mapping[str, Any] | None = None) -> str:
    """Returns the YAML of an IR, keys sorted, below a comment that says what it is and what a run may be given.

    `described` is the pipeline where `ir` only holds it, as Kubernetes objects do.
    """
    heading = "\n".join(_heading(described or ir[0]))
    return f"{heading}\n{yaml.dump_all(ir, Dumper=_Dumper, sort_keys=True, width=120)}"


def _heading(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yields the comment that KFP's own compiler writes too, and its loader reads the description from."""
    yield "# PIPELINE DEFINITION"
    yield f"# Name: {spec['pipelineInfo']['name']}"
    if "description" in spec["pipelineInfo"]:
        yield f"# Description: {' '.join(spec['pipelineInfo']['description'].split())}"
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if declared:
        yield "# Inputs:"
    for name, each in sorted(declared.items()):
        default = json.dumps(each.get("defaultValue"), ensure_ascii=False, sort_keys=True)
        yield f"#    {name}: {each['parameterType']} [Default: {default}]"


def without_docstrings(spec: dict[str, Any]) -> dict[str, Any]:
    """Leaves out of the sources what they say of themselves: it is in the IR already, and a workflow has each source four times."""
    for executor in spec["deploymentSpec"]["executors"].values():
        command = executor["container"]["command"]
        command[-1] = _undocumented(command[-1])
    return spec


def _undocumented(source: str) -> str:
    lines = source.splitlines(keepends=True)
    for function in reversed([each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)]):
        said = function.body[0]
        if ast.get_docstring(function) is not None and len(function.body) > 1:
            del lines[said.lineno - 1 : said.end_lineno]
    return "".join(lines)


def with_meanings(spec: dict[str, Any]) -> dict[str, Any]:
    """Describes what steps write, in the words of their faces: KFP itself describes only what they read."""
    for component in spec["components"].values():
        executor = spec["deploymentSpec"]["executors"].get(component.get("executorLabel"))
        if executor is None:
            continue
        meanings = _meanings(executor["container"]["args"][-1])
        for outputs in component.get("outputDefinitions", {}).values():
            for name, output in outputs.items():
                if name in meanings:
                    output.setdefault("description", meanings[name])
    return spec


def _meanings(face: str) -> dict[str, str]:
    """Returns the descriptions of a face's arguments, and of the decision it returns, from its docstring."""
    text = inspect.getdoc(getattr(components, face).python_func) or ""
    described = re.findall(
        r"^    (\w+): (.+?)\n(?=    \w|\n|\Z)", text.partition("Args:")[2] + "\n", re.MULTILINE | re.DOTALL
    )
    returned = text.partition("Returns:")[2].split("\n\n")[0]
    found = {name: " ".join(meaning.split()) for name, meaning in described}
    return {**found, **({"Output": " ".join(returned.split())} if returned.strip() else {})}


def without_unwired(spec: dict[str, Any]) -> dict[str, Any]:
    """Leaves out the optional artifacts of components that no task gives them; what runs takes the argument's default then.

    A backend would leave them out itself, the local runner of older SDKs cannot.
    """
    components = spec["components"]
    given: dict[str, set[str]] = {}
    for dag in [spec["root"].get("dag", {}), *(component.get("dag", {}) for component in components.values())]:
        for task in dag.get("tasks", {}).values():
            wired = task.get("inputs", {}).get("artifacts", {})
            given.setdefault(task["componentRef"]["name"], set()).update(wired)
    return {**spec, "components": {name: _wired(each, given.get(name, set())) for name, each in components.items()}}


def _wired(component: dict[str, Any], given: set[str]) -> dict[str, Any]:
    inputs = component.get("inputDefinitions", {})
    kept = {
        name: artifact
        for name, artifact in inputs.get("artifacts", {}).items()
        if name in given or not artifact.get("isOptional")
    }
    rest = {key: value for key, value in inputs.items() if key != "artifacts"} | ({"artifacts": kept} if kept else {})
    others = {key: value for key, value in component.items() if key != "inputDefinitions"}
    return {**others, "inputDefinitions": rest} if rest else others
