"""KFP's compiled pipeline to the bytes of an IR file: the same pipeline the same bytes, and nothing in it that is not used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from google.protobuf import json_format


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
        made.append(json_format.MessageToDict(pipeline.platform_spec))
    return [without_unwired(made[0]), *made[1:]]


def text_of(ir: Sequence[Mapping[str, Any]]) -> str:
    """Returns the YAML of an IR, keys sorted, below a comment that says what it is and what a run may be given."""
    return "\n".join(_heading(ir[0])) + "\n" + yaml.dump_all(ir, Dumper=_Dumper, sort_keys=True, width=120)


def _heading(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yields the comment that KFP's own compiler writes too, and its loader reads the description from."""
    yield "# PIPELINE DEFINITION"
    yield f"# Name: {spec['pipelineInfo']['name']}"
    if "description" in spec["pipelineInfo"]:
        yield f"# Description: {' '.join(spec['pipelineInfo']['description'].split())}"


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
