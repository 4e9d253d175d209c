"""From a spec to the graph of its steps: what each step is given, and what passes between them.

Every engine walks the same graph: the embedded runner calls the steps' work, the compiler writes them down as KFP tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stellwerk.components.artifacts.hooks import LIMIT
from stellwerk.errors import SpecError, UsageError, did_you_mean
from stellwerk.loading import LoadedSpec
from stellwerk.spec import Push, Spec
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.features import Category, Cross, Custom, Number, Time
from stellwerk.spec.model import CustomModel
from stellwerk.spec.rehearse import Rehearse


@dataclass(frozen=True)
class Step:
    """One step: a name that `components.calling.STEPS` knows, and its arguments by where they come from."""

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
    """Arguments that an engine fills and that do not count in the cache key (`directory`, `context`)."""
    cached: bool = True
    """Whether the result may be taken from the cache; a step that acts on the world outside may not."""

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
    steps = [_ingest(spec), _validate(loaded), _transform(loaded), _train(loaded)]
    if spec.push is not None and spec.push.variants:
        steps.append(_convert(spec.push))
    steps.append(_evaluate(loaded))
    if spec.push is not None:
        if spec.push.rehearse is not None:
            steps.append(_rehearse(spec, spec.push.rehearse))
        steps.append(_push(spec))
    return Graph(spec.name, tuple(steps))


def _json(section: BaseModel) -> Any:
    return section.model_dump(mode="json", by_alias=True)


def _on_beam(spec: Spec, step: str) -> dict[str, Any]:
    """Returns the parameter of a step whose passes over the data run on Beam; none for the others."""
    return {"beam": _json(spec.beam)} if spec.beam is not None and step in spec.beam.steps else {}


def number_columns(spec: Spec) -> list[str]:
    """Returns the columns, or patterns of columns, that features or the target need as numbers, sorted."""
    numbers = _read_by(spec, Number)
    if spec.target.type == "regression":
        numbers.add(spec.target.column)
    return sorted(numbers)


def code_columns(spec: Spec) -> list[str]:
    """Returns the columns, or patterns, whose numbers are names or moments, and so must be whole, sorted."""
    return sorted(_read_by(spec, Category, Cross, Time).union(*spec.evaluate.slices))


def named_columns(spec: Spec) -> list[str]:
    """Returns all columns, and patterns of columns, that the spec names, sorted: the others stop nothing."""
    named = {spec.target.column, *spec.data.split.columns, *spec.validate_.skew, *spec.validate_.drift}
    return sorted(named.union(*spec.evaluate.slices, *(one.columns_of(name) for name, one in spec.features.items())))


def _read_by(spec: Spec, *kinds: type) -> set[str]:
    """Returns the columns that features of these kinds read."""
    features = [(name, feature) for name, feature in spec.features.items() if isinstance(feature, kinds)]
    return {column for name, feature in features for column in feature.columns_of(name)}


def hooks(loaded: LoadedSpec, references: Iterable[str]) -> dict[str, str]:
    """Returns the source text of the files that `references` (`file.py:name`) mean, by the path that the spec uses."""
    texts: dict[str, str] = {}
    for reference in references:
        file = reference.partition(":")[0]
        try:
            texts[file] = (loaded.directory / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError([loaded.problem((), f"hook file '{file}' cannot be read: {error}")]) from error
    return texts


def hook_environment(spec: Spec, step: Step) -> dict[str, str]:
    """Returns what a step that runs hooks is told by variables: how long they may take, where the spec says so."""
    said = step.parameters.get("hooks") and spec.hooks.changed("timeout_seconds")
    return {LIMIT: str(spec.hooks.timeout_seconds)} if said else {}


def _ingest(spec: Spec) -> Step:
    return Step(
        "ingest",
        parameters={
            "data": _json(spec.data),
            "numbers": number_columns(spec),
            "target": _json(spec.target),
            "codes": code_columns(spec),
            "named": named_columns(spec),
        },
        outputs=("examples",),
        context=("directory",),
    )


def _validate(loaded: LoadedSpec) -> Step:
    spec = loaded.spec
    curated = loaded.directory / spec.validate_.schema_ if spec.validate_.schema_ else None
    return Step(
        "validate",
        parameters={
            "settings": _json(spec.validate_),
            "target": _json(spec.target),
            "named": named_columns(spec),
            **_on_beam(spec, "validate"),
        },
        inputs={"examples": ("ingest", "examples")},
        files={"curated": curated} if curated is not None and curated.exists() else {},
        outputs=("statistics", "schema", "anomalies"),
        earlier=("previous",) if spec.validate_.drift else (),
    )


def _transform(loaded: LoadedSpec) -> Step:
    spec = loaded.spec
    references = [feature.transform for feature in spec.features.values() if isinstance(feature, Custom)]
    return Step(
        "transform",
        parameters={
            "features": {name: _json(feature) for name, feature in spec.features.items()},
            "target": _json(spec.target),
            "hooks": hooks(loaded, references),
            **_on_beam(spec, "transform"),
        },
        inputs={"examples": ("ingest", "examples"), "schema": ("validate", "schema")},
        outputs=("transform_graph", "transformed"),
    )


def _train(loaded: LoadedSpec) -> Step:
    spec = loaded.spec
    return Step(
        "train",
        parameters={
            "architecture": _json(spec.model),
            "training": _json(spec.train),
            "target": _json(spec.target),
            "hooks": hooks(loaded, [spec.model.build] if isinstance(spec.model, CustomModel) else []),
        },
        inputs={"transformed": ("transform", "transformed"), "transform_graph": ("transform", "transform_graph")},
        outputs=("model", "history"),
    )


def _convert(push: Push) -> Step:
    return Step(
        "convert",
        parameters={"formats": list(push.variants)},
        inputs={"model": ("train", "model"), "transformed": ("transform", "transformed")},
        outputs=("converted",),
    )


def leaving(spec: Spec) -> tuple[str, str]:
    """Returns the step and the artifact that is the model as it is judged and pushed: with its variants, if there are any."""
    return ("convert", "converted") if spec.push is not None and spec.push.variants else ("train", "model")


def _asked(spec: Spec) -> Evaluate:
    """Returns what is asked of the model: one that goes nowhere is not held against the last that was good."""
    if spec.push is not None or "min_gain" in spec.evaluate.model_fields_set:
        return spec.evaluate
    return spec.evaluate.model_copy(update={"min_gain": None})


def _evaluate(loaded: LoadedSpec) -> Step:
    spec = loaded.spec
    metrics = [*(spec.evaluate.metrics or ()), *spec.evaluate.require]
    return Step(
        "evaluate",
        parameters={
            "settings": _json(_asked(spec)),
            "target": _json(spec.target),
            "hooks": hooks(loaded, [metric for metric in metrics if ".py:" in metric]),
            **_on_beam(spec, "evaluate"),
        },
        inputs={"examples": ("ingest", "examples"), "model": leaving(spec)},
        outputs=("evaluation", "blessing"),
        earlier=("baseline",),
    )


def _rehearse(spec: Spec, settings: Rehearse) -> Step:
    return Step(
        "rehearse",
        parameters={"settings": _json(settings)},
        inputs={
            "examples": ("ingest", "examples"),
            "model": leaving(spec),
            "blessing": ("evaluate", "blessing"),
        },
        outputs=("rehearsal",),
    )


def _push(spec: Spec) -> Step:
    assert spec.push is not None  # noqa: S101 - the caller asked
    return Step(
        "push",
        parameters={"name": spec.name, "push_to": _json(spec.push)},
        inputs={
            "model": leaving(spec),
            "evaluation": ("evaluate", "evaluation"),
            "blessing": ("evaluate", "blessing"),
            "statistics": ("validate", "statistics"),
            **({"rehearsal": ("rehearse", "rehearsal")} if spec.push.rehearse is not None else {}),
        },
        outputs=("pushed_model",),
        context=("directory", "context"),
        cached=False,
    )
