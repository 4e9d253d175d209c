"""From a spec to the graph of its steps: what each step is given, and what passes between them.

Every engine walks the same graph: the embedded runner calls the steps' work, the compiler writes them down as KFP tasks. Which steps
there are, and where each of their arguments comes from, is declared in `stellwerk.steps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.limits import LIMIT
from stellwerk.errors import UsageError, did_you_mean
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.arguments import argument, as_json, at
from stellwerk.spec import Spec
from stellwerk.steps import DECLARED, STEPS
from stellwerk.steps import Step as Declared


@dataclass(frozen=True)
class Step:
    """One step of a spec: a name that `stellwerk.steps.STEPS` knows, and its arguments by where they come from."""

    name: str
    parameters: Mapping[str, Any]
    """JSON values; they count in the cache key."""
    inputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Artifacts of other steps: argument -> (step, artifact)."""
    outputs: tuple[str, ...] = ()
    """Artifacts that the step writes, by argument."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files of the user: argument -> path; their content counts in the cache key."""
    earlier: tuple[str, ...] = ()
    """Arguments that an engine fills from earlier runs (`previous`, `baseline`), or leaves out."""
    context: tuple[str, ...] = ()
    """Arguments that an engine fills and that do not count in the cache key (`directory`, `context`, `run`, `spec`)."""
    cached: bool = True
    """Whether the result may be taken from the cache; a step that acts on the world outside may not."""

    @property
    def declared(self) -> Declared:
        """What holds for the step in every spec."""
        return STEPS[self.name]

    @property
    def after(self) -> tuple[str, ...]:
        """Names of the steps that must be finished first, in the order of the inputs."""
        return tuple(dict.fromkeys(step for step, _ in self.inputs.values()))


@dataclass(frozen=True)
class Graph:
    """The steps of one pipeline, each after the ones it needs."""

    name: str
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """Returns the step called `name`."""
        return next(step for step in self.steps if step.name == name)

    @property
    def hooks(self) -> dict[str, str]:
        """Source text of all files of the user's own Python, by the path that the spec uses."""
        return {file: text for step in self.steps for file, text in step.parameters.get("hooks", {}).items()}

    def until(self, name: str) -> Graph:
        """Returns the part of the graph that `name` needs, with `name`. Raises UsageError where there is no such step."""
        needed = {self._known(name)}
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.after)
        return Graph(self.name, tuple(step for step in self.steps if step.name in needed))

    def from_step(self, name: str) -> set[str]:
        """Returns the names of `name` and every step that comes after it. Raises UsageError where there is no such step."""
        wanted = {self._known(name)}
        for step in self.steps:
            if wanted.intersection(step.after):
                wanted.add(step.name)
        return wanted

    def _known(self, name: str) -> str:
        names = [step.name for step in self.steps]
        if name not in names:
            raise UsageError(f"no step '{name}'.{did_you_mean(name, names)} Steps: {', '.join(names)}.")
        return name


def graph(loaded: LoadedSpec) -> Graph:
    """Returns the graph of a spec. Reads the hook files, so that their text travels with the graph.

    Raises SpecError when a hook file cannot be read.
    """
    spec = loaded.spec
    made: dict[str, str] = {}
    steps = []
    for declared in DECLARED:
        if declared.when == "always" and (not declared.requires or at(spec, declared.requires)):
            steps.append(step_of(declared, loaded, made))
            made |= dict.fromkeys(declared.wrote, declared.name)
    return Graph(spec.name, tuple(steps))


def step_of(declared: Declared, loaded: LoadedSpec, made: Mapping[str, str]) -> Step:
    """Returns a step as a spec wants it. `made` are the artifacts that there are by then, with the steps that write them."""
    spec = loaded.spec
    files = {name: at(spec, keys) for name, keys in declared.files.items()}
    paths = {name: loaded.directory / file for name, file in files.items() if file}
    inputs = {name: next((one for one in names if one in made), None) for name, names in declared.inputs.items()}
    on_beam = {"beam": as_json(spec.beam)} if spec.beam is not None and declared.name in spec.beam.steps else {}
    return Step(
        declared.name,
        parameters={name: argument(loaded, source) for name, source in declared.parameters.items()} | on_beam,
        inputs={name: (made[one], one) for name, one in inputs.items() if one is not None},
        outputs=declared.wrote,
        files={name: path for name, path in paths.items() if path.exists()},
        earlier=tuple(name for name, keys in declared.earlier.items() if not keys or at(spec, keys)),
        context=declared.context,
        cached=declared.cached,
    )


def hook_environment(spec: Spec, step: Step) -> dict[str, str]:
    """Returns what a step that runs hooks is told by variables: how long they may take, where the spec says so."""
    said = step.parameters.get("hooks") and spec.hooks.changed("timeout_seconds")
    return {LIMIT: str(spec.hooks.timeout_seconds)} if said else {}
