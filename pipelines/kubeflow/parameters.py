"""Parameters of a compiled pipeline: what a person changes between two runs of it, with the spec's values as defaults."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stellwerk.components.changing import CHANGES
from stellwerk.components.travelling import marked
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.graph import Graph, Step
from stellwerk.spec import Data, Push, Train
from stellwerk.spec.meanings import meanings
from stellwerk.spec.train import Optimizer

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
        """The steps that are given it: `resolve` too, where it decides what the model is."""
        return (self.step,) if self.step == "push" else ("resolve", self.step)


def parameters(loaded: LoadedSpec, described: Graph) -> tuple[Parameter, ...]:
    """Returns the parameters that the pipeline of a spec has; a spec that pushes nothing has no `push_to`."""
    spec = loaded.spec
    start = "Folder inside the containers where relative paths of the spec start, e.g. a mounted volume."
    found = [
        Parameter("directory", str, DIRECTORY, start, "ingest", "directory"),
        Parameter("sources", dict, marked(sources(spec.data)), _meaning(Data, "sources"), "ingest", "sources"),
        Parameter("epochs", int, spec.train.epochs or 0, _left_open("epochs"), "train", "epochs"),
        Parameter("batch_size", int, spec.train.batch_size or 0, _left_open("batch_size"), "train", "batch_size"),
        Parameter(
            "learning_rate",
            float,
            spec.train.optimizer.learning_rate,
            _meaning(Optimizer, "learning_rate"),
            "train",
            "learning_rate",
        ),
    ]
    if spec.push is not None:
        found.append(Parameter("push_to", str, spec.push.to, _meaning(Push, "to"), "push", "to"))
    steps = {step.name for step in described.steps}
    return tuple(each for each in found if each.step in steps)


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
    for each in declared:
        path = CHANGES.get(step.name, {}).get(each.argument)
        if each.step != step.name or path is None:
            continue
        inside = result
        for key in path[:-1]:
            inside = inside[key]
        del inside[path[-1]]
    return result


def _left_open(name: str) -> str:
    return f"{_meaning(Train, name)} 0 is that default."


def _meaning(section: Any, name: str) -> str:
    return " ".join(meanings(section)[name].split())
