"""Parameters of a compiled pipeline: what a person changes between two runs of it, with the spec's values as defaults."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from stellwerk.components.escaping import marked
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.arguments import at
from stellwerk.pipelines.graph import Graph, Step
from stellwerk.spec import Data, Spec
from stellwerk.spec.meanings import meanings
from stellwerk.steps import Change, extra, who_reaches

DIRECTORY = "/data"
"""Where relative paths of the spec start on a cluster, unless the run's parameter `directory` says otherwise."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a pipeline, and the argument of the step that it becomes."""

    name: str
    kind: type
    default: Any
    meaning: str
    step: str
    """Without this step the pipeline has no such parameter."""
    argument: str

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are given it: the first one too, where it decides what the model is."""
        first = extra("first")
        told = (*first.told, *(change.argument for change in first.changes))
        return (first.name, self.step) if self.argument in told else (self.step,)


def parameters(loaded: LoadedSpec, described: Graph) -> tuple[Parameter, ...]:
    """Returns the parameters that the pipeline of a spec has: those that its steps declare as changes, and where paths start."""
    start = "Folder inside the containers where relative paths of the spec start, e.g. a mounted volume."
    directory = Parameter("directory", str, DIRECTORY, start, who_reaches("sources"), "directory")
    changes = [(step.name, change) for step in described.steps for change in step.declared.changes]
    return (directory, *(_parameter(loaded.spec, step, change) for step, change in changes))


def _parameter(spec: Spec, step: str, change: Change) -> Parameter:
    """Returns the parameter that stands for a value of the spec, with that value as its default."""
    above, _, key = change.spec.rpartition(".")
    section: BaseModel = at(spec, above)
    value, meaning = at(section, key), " ".join(meanings(type(section))[key].split())
    if isinstance(section, Data):
        value = marked(sources(section))
    if change.left_open:
        value, meaning = value or 0, f"{meaning} 0 is that default."
    return Parameter(change.parameter or change.argument, change.kind, value, meaning, step, change.argument)


def sources(data: Data) -> dict[str, Any]:
    """Returns the sources as short as a person would write them: a path where a path says it all."""
    short: dict[str, Any] = {}
    for name, source in data.sources.items():
        said = source.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        paths = said.get("path")
        if isinstance(paths, list) and len(paths) == 1:
            said["path"] = paths[0]
        short[name] = said["path"] if set(said) == {"path"} else said
    return short


def signature(declared: Sequence[Parameter]) -> inspect.Signature:
    """Returns the signature of a pipeline function, which is where KFP reads parameters, types and defaults."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(each.name, kind, default=each.default, annotation=each.kind) for each in declared],
        return_annotation=None,
    )


def docstring(summary: str, declared: Sequence[Parameter]) -> str:
    """Returns the docstring of a pipeline function, which is where KFP reads descriptions."""
    return "\n".join([summary, "", "Args:", *(f"    {each.name}: {each.meaning}" for each in declared)])


def given_to(step: str, declared: Sequence[Parameter]) -> list[Parameter]:
    """Returns the parameters of the pipeline that a step is given."""
    return [each for each in declared if step in each.steps]


def arguments(step: Step, declared: Sequence[Parameter]) -> dict[str, Any]:
    """Returns a step's parameters without the values in whose place those of the pipeline come, see `given_to`."""
    result: dict[str, Any] = copy.deepcopy(dict(step.parameters))
    given = {each.argument for each in given_to(step.name, declared)}
    for change in step.declared.changes:
        if change.argument not in given:
            continue
        inside = result
        for key in change.place[:-1]:
            inside = inside[key]
        del inside[change.place[-1]]
    return result
