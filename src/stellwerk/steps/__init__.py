"""The steps of a pipeline, each declared once. Engines, reports, commands and documentation read it here, and name no step.

A new step is a declaration in `DECLARED` and a package in `components/`: `docs/decisions/0039` says what else there is to think of.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stellwerk.steps.declaring import Change, Gate, Output, Shows, Step, World

DECLARED = (
    Step(
        "resolve",
        "Looks at the sources and at what is pushed, so that a step that would do the same again is taken from KFP's cache.",
        "stellwerk.components.resolution",
        when="first",
        parameters={"data": "data"},
        context=("directory",),
        changes=(Change("sources", ("data", "sources"), "data.sources", dict),),
        told=("epochs", "batch_size", "learning_rate"),
        world=("sources", "models"),
        cached=False,
        tensorflow=False,
    ),
    Step(
        "ingest",
        "Reads sources, joins and splits them.",
        "stellwerk.components.ingestion",
        parameters={
            "data": "data",
            "numbers": "stellwerk.pipelines.arguments:numbers",
            "target": "target",
            "codes": "stellwerk.pipelines.arguments:codes",
            "named": "stellwerk.pipelines.arguments:named",
        },
        context=("directory",),
        found=("identity",),
        outputs=(Output("examples", "Dataset", rows=True),),
        changes=(Change("sources", ("data", "sources"), "data.sources", dict),),
        world=("sources",),
        tensorflow=False,
        tells=("start",),
        shows=Shows("ingest_page", "stellwerk.report.steps:rows_view", ("data",), scalars="examples"),
    ),
    Step(
        "validate",
        "Computes statistics and stops the run when the data is not as the schema says.",
        "stellwerk.components.validation",
        parameters={
            "settings": "validate",
            "target": "target",
            "named": "stellwerk.pipelines.arguments:named",
        },
        inputs={"examples": ("examples",)},
        files={"curated": "validate.schema"},
        earlier={"previous": "validate.drift"},
        outputs=(
            Output("statistics", within="validation"),
            Output("schema", within="validation", title="Schema"),
            Output("anomalies", within="validation"),
        ),
        aside=(Output("manifest", within="validation"),),
        gate=Gate("anomalies", when=("validate.on_anomaly", "fail")),
        beam=True,
        shows=Shows("validation_page", "stellwerk.report.steps:data_view", ("gates", "features"), ("data",)),
    ),
    Step(
        "transform",
        "Turns columns into what a network can learn from.",
        "stellwerk.components.transformation",
        parameters={
            "features": "stellwerk.pipelines.arguments:transformed_features",
            "target": "target",
            "hooks": "stellwerk.pipelines.arguments:feature_hooks",
        },
        inputs={"examples": ("examples",), "schema": ("schema",)},
        outputs=(Output("transform_graph", title="Transform"), Output("transformed", "Dataset", rows=True)),
        admits="anomalies",
        beam=True,
    ),
    Step(
        "train",
        "Trains a Keras model and exports it with the transform inside.",
        "stellwerk.components.training",
        parameters={
            "architecture": "model",
            "encoding": "stellwerk.pipelines.arguments:encoding",
            "training": "train",
            "target": "target",
            "hooks": "stellwerk.pipelines.arguments:training_hooks",
        },
        inputs={"transformed": ("transformed",), "transform_graph": ("transform_graph",)},
        context=("directory",),
        world=("weights",),
        outputs=(Output("model", "Model", title="Model"), Output("history", "Metrics")),
        changes=(
            Change("epochs", ("training", "epochs"), "train.epochs", int, left_open=True),
            Change("batch_size", ("training", "batch_size"), "train.batch_size", int, left_open=True),
            Change(
                "learning_rate",
                ("training", "optimizer", "learning_rate"),
                "train.optimizer.learning_rate",
                float,
            ),
        ),
        accelerator=True,
        shows=Shows("training_page", "stellwerk.report.steps:training_view", ("training",), scalars="history"),
    ),
    Step(
        "convert",
        "Copies a model and adds variants of it for other runtimes.",
        "stellwerk.components.conversion",
        requires="push.variants",
        parameters={"formats": "push.variants"},
        inputs={"model": ("model",), "transformed": ("transformed",)},
        outputs=(Output("converted", "Model", title="Model with variants"),),
        accelerator=True,
    ),
    Step(
        "evaluate",
        "Measures the exported model on the test split and says whether it is good enough.",
        "stellwerk.components.evaluation",
        parameters={
            "settings": "stellwerk.pipelines.arguments:asked",
            "target": "target",
            "hooks": "stellwerk.pipelines.arguments:metric_hooks",
        },
        inputs={"examples": ("examples",), "model": ("converted", "model")},
        earlier={"baseline": ""},
        outputs=(Output("evaluation", "ClassificationMetrics", title="Evaluation"), Output("blessing", "Metrics")),
        gate=Gate("blessing", "blessed", "the model is not blessed"),
        beam=True,
        accelerator=True,
        shows=Shows(
            "evaluation_page",
            "stellwerk.report.steps:model_view",
            ("gates", "evaluation"),
            ("model",),
            scalars="blessing",
            curves="evaluation",
        ),
    ),
    Step(
        "rehearse",
        "Starts a server on the model, asks it real examples, and says whether it serves within its resources.",
        "stellwerk.components.rehearsal",
        requires="push.rehearse",
        parameters={"settings": "push.rehearse"},
        inputs={"examples": ("examples",), "model": ("converted", "model"), "blessing": ("blessing",)},
        outputs=(Output("rehearsal", "Metrics"),),
        gate=Gate("rehearsal", "passed", "the model did not pass its rehearsal"),
        accelerator=True,
        shows=Shows("rehearsal_page", "stellwerk.report.steps:rehearsal_view", ("rehearsal",), scalars="rehearsal"),
    ),
    Step(
        "push",
        "Copies a blessed model to the next version of its folder.",
        "stellwerk.components.deployment",
        requires="push",
        parameters={"name": "name", "push_to": "push"},
        inputs={
            "model": ("converted", "model"),
            "evaluation": ("evaluation",),
            "blessing": ("blessing",),
            "statistics": ("statistics",),
            "rehearsal": ("rehearsal",),
        },
        context=("directory", "context", "run"),
        found=("resolved",),
        outputs=(Output("pushed_model", "Model", title="Published"),),
        changes=(Change("to", ("push_to", "to"), "push.to", str, parameter="push_to"),),
        heeds=True,
        world=("models",),
        cached=False,
        tensorflow=False,
        tells=("start", "end"),
    ),
    Step(
        "report",
        "Writes one page about the whole run.",
        "stellwerk.components.reporting",
        when="last",
        inputs={
            "manifest": ("manifest",),
            "statistics": ("statistics",),
            "anomalies": ("anomalies",),
            "history": ("history",),
            "model": ("model",),
            "evaluation": ("evaluation",),
            "blessing": ("blessing",),
            "rehearsal": ("rehearsal",),
        },
        context=("context", "spec"),
        outputs=(Output("page", "HTML", face="report"),),
        tensorflow=False,
        tells=("end",),
    ),
)
"""Every step, in the order in which they come."""

STEPS: Mapping[str, Step] = MappingProxyType({step.name: step for step in DECLARED})
"""The steps by name."""
NAMES: tuple[str, ...] = tuple(STEPS)
ON_BEAM: tuple[str, ...] = tuple(step.name for step in DECLARED if step.beam)
NOT_CACHED: tuple[str, ...] = tuple(step.name for step in DECLARED if not step.cached)
"""Steps that meet the world outside: KFP's cache sees their paths and not what is there."""
GATES: tuple[tuple[str, Gate], ...] = tuple(
    (step.name, step.gate) for step in DECLARED if step.gate is not None and step.gate.said
)
"""Steps that judge the model and leave it to another to refuse, in the order in which they judge."""

_OUTPUTS = {output.name: (step, output) for step in DECLARED for output in (*step.outputs, *step.aside)}
ROWS: tuple[str, ...] = tuple(name for name, (_, each) in _OUTPUTS.items() if each.rows)
"""Artifacts that a step can read where they lie: their makers return their URI, and their readers take it as `<artifact>_uri`."""


def maker(artifact: str) -> str:
    """Returns the name of the step that writes an artifact. Raises KeyError where none does."""
    return _OUTPUTS[artifact][0].name


def output_named(artifact: str) -> Output:
    """Returns the declaration of an artifact. Raises KeyError where no step writes it."""
    return _OUTPUTS[artifact][1]


def path_of(artifact: str) -> str:
    """Returns where an artifact lies below the folder of a run: `<step>/<artifact>`."""
    return f"{maker(artifact)}/{artifact}"


def parts() -> dict[str, tuple[str, ...]]:
    """Returns the artifacts of faces that hold others, with the names of those."""
    held: dict[str, tuple[str, ...]] = {}
    for name, (_, each) in _OUTPUTS.items():
        if each.within:
            held[each.within] = (*held.get(each.within, ()), name)
    return held


def leading_to(artifact: str) -> set[str]:
    """Returns the names of the steps that decide what an artifact is: its maker, and those before it."""
    found: set[str] = set()
    open_ends = [artifact]
    while open_ends:
        step = STEPS[maker(open_ends.pop())]
        if step.name not in found:
            found.add(step.name)
            open_ends += [name for names in step.inputs.values() for name in names]
    return found


def who_reaches(world: World) -> str:
    """Returns the name of the step of the graph that reaches something of the world outside, as its own settings say."""
    return next(step.name for step in DECLARED if step.when == "always" and world in step.world)


def extra(when: str) -> Step:
    """Returns the step that a cluster runs before (`first`) or after (`last`) those of the graph."""
    return next(step for step in DECLARED if step.when == when)


__all__ = [
    "DECLARED",
    "GATES",
    "NAMES",
    "NOT_CACHED",
    "ON_BEAM",
    "ROWS",
    "STEPS",
    "Change",
    "Gate",
    "Output",
    "Shows",
    "Step",
    "World",
    "extra",
    "leading_to",
    "maker",
    "output_named",
    "parts",
    "path_of",
    "who_reaches",
]
