"""What a person may write in `pipeline.yaml`: frozen, typed, and the only place where a key is documented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from stellwerk.columns import FUTURE
from stellwerk.metrics import METRICS
from stellwerk.section import SPLITS, Contradiction, DnsLabel, FeatureName, Section, Split
from stellwerk.spec.beam import Beam
from stellwerk.spec.cluster import Cluster
from stellwerk.spec.data import Data
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.features import Feature
from stellwerk.spec.hooks import Hooks
from stellwerk.spec.model import Model, usual
from stellwerk.spec.push import Push
from stellwerk.spec.reach import out_of_reach
from stellwerk.spec.sections import Validate
from stellwerk.spec.target import Target
from stellwerk.spec.train import Train
from stellwerk.tasks import named_where
from stellwerk.tasks.measures import suiting


class Spec(Section):
    """One deep-learning pipeline, from raw data to a served model."""

    EXAMPLE: ClassVar[str] = """\
name: flights
data: {sources: {flights: data/flights.csv}}
features:
  distance: {type: number}
  carrier: {type: category}
target: {column: late, type: binary}
push: {to: models}
"""

    name: DnsLabel
    """Names the runs, the experiment and the served model: lower-case letters, digits and dashes."""
    data: Data
    """Where the examples come from and how they are split."""
    validate_: Annotated[Validate, Field(alias="validate")] = Validate()
    """What the data must look like."""
    features: Annotated[dict[FeatureName, Feature], Field(min_length=1)]
    """What the model sees: one entry a feature, named as its column unless `column` says otherwise."""
    target: Target
    """What the model predicts."""
    model: Model = usual()
    """The network."""
    train: Train = Train()
    """How it learns."""
    evaluate: Evaluate = Evaluate()
    """How good it must be."""
    push: Push | None = None
    """Where it goes once it is blessed; without this section nothing is pushed."""
    hooks: Hooks = Hooks()
    """What your own functions may take."""
    beam: Beam | None = None
    """Steps that read their data on Apache Beam's workers; without this section none does."""
    cluster: Cluster | None = None
    """Only for Kubeflow."""

    @model_validator(mode="after")
    def _windows_name_their_lists(self) -> Spec:
        """Says what becomes a list: a forecast of `load` is one of `load_future`, as the windows call it."""
        windows = self.data.windows
        if windows is None:
            return self
        target = self.target
        if target.about.many and not target.column.endswith(FUTURE):
            target = target.model_copy(update={"column": target.column + FUTURE})
        read = [feature.columns_of(name) for name, feature in self.features.items() if feature.READS == "lists"]
        past = (target.past_column,) if target.about.many else ()
        found = [*(column for columns in read for column in columns), *past, *((target.column,) if past else ())]
        if windows.columns is None:
            windows = windows.model_copy(update={"columns": tuple(dict.fromkeys(found))})
        data = self.data.model_copy(update={"windows": windows})
        self.__dict__.update(target=target, data=data)
        return self

    @model_validator(mode="after")
    def _sections_suit_each_other(self) -> Spec:
        found = list(contradictions(self))
        if found:
            raise Contradiction(*found)
        return self


def contradictions(spec: Spec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields what is fine in each section and impossible together: where to mend it, and a sentence."""
    target, evaluate = spec.target, spec.evaluate
    for name, feature in spec.features.items():
        if target.column in feature.columns_of(name):
            message = f"reads the target column '{target.column}', so the model would be given the answer"
            apart = ", or say with data.windows how rows become a past and what came after"
            more = apart if target.about.many and spec.data.windows is None else ""
            yield ("features", name), f"{message}. Remove the feature or change the target{more}"
    yield from _windows(spec)
    yield from _baselines(spec)
    suits = suiting(target.type)
    named: list[tuple[tuple[str | int, ...], str]]
    named = [(("metrics", at), metric) for at, metric in enumerate(evaluate.metrics or ())]
    named += [(("require", metric), metric) for metric in evaluate.require]
    for keys, metric in named:
        if metric in METRICS and metric not in suits:
            message = f"'{metric}' does not suit a {target.type} target"
            yield ("evaluate", *keys), f"{message}. Known for it: {', '.join(suits)}"
        elif ".py:" in metric and spec.beam is not None and spec.beam.apart("evaluate"):
            message = f"'{metric}' is your own, and Beam's workers cannot import it"
            yield ("evaluate", *keys), f"{message}. Take evaluate out of beam.steps, or the metric out of evaluate"
    for metric, requirement in evaluate.require.items():
        if requirement.per_slice is not None and not evaluate.slices:
            message = "asks something of every slice, and there are none. Name columns in evaluate.slices"
            yield ("evaluate", "require", metric, "per_slice"), message
        if requirement.over is not None and metric not in METRICS:
            message = f"compares with a baseline, of which only standard metrics are measured: {', '.join(suits)}"
            yield ("evaluate", "require", metric, "over"), message
    yield from out_of_reach(evaluate)
    for key, server in spec.push.servers.items() if spec.push else ():
        if server.service is None and not spec.name[0].isalpha():
            yield ("push", key, "service"), f"is needed: a service cannot be named '{spec.name}', with a digit in front"
    if evaluate.changed("threshold") and not target.about.has_threshold:
        types = named_where(lambda task: task.has_threshold)
        yield ("evaluate", "threshold"), f"is for a {types} target. Received: target.type: {target.type}"
    yield from _unbalanced(spec)


def _unbalanced(spec: Spec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What `train` says of classes and cannot be."""
    target = spec.target
    classes = target.about.has_classes
    for key, suits in (("class_weights", target.about.has_names), ("rebalance", classes), ("loss", classes)):
        if getattr(spec.train, key) is not None and not suits:
            yield ("train", key), f"a {target.type} target has no classes{_weighed(target)}. Remove {key}"
    if spec.train.rebalance and spec.train.class_weights == "balanced":
        yield ("train", "rebalance"), "does what class_weights: balanced does. Remove one of them"
    if spec.train.loss is not None and spec.train.loss.alpha is not None:
        if target.about.has_classes and not target.about.has_positive:
            message = (
                f"is for a {named_where(lambda task: task.has_positive)} target. Say class_weights for several classes"
            )
            yield ("train", "loss", "alpha"), f"{message}. Received: target.type: {target.type}"
        elif spec.train.class_weights is not None:
            yield ("train", "loss", "alpha"), "says what class_weights does. Remove one of them"


def _weighed(target: Target) -> str:
    return " that rows could be counted by: train.class_weights weighs its labels" if target.about.several else ""


def _baselines(spec: Spec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields baselines that the target does not have."""
    target, evaluate = spec.target, spec.evaluate
    known = target.about.baselines
    over: list[tuple[tuple[str, ...], str]]
    over = [(("require", name, "over"), one.over) for name, one in evaluate.require.items() if one.over is not None]
    if evaluate.over not in ("nothing", "trivial"):  # which is the simplest one, whatever that is called
        over.append((("over",), evaluate.over))
    for keys, name in over:
        if name not in known:
            yield (
                ("evaluate", *keys),
                f"a {target.type} target has no such baseline. Known for it: {', '.join(known)}. Received: {name}",
            )


def _windows(spec: Spec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields what of windows and of a target that is a list does not go together."""
    windows, target = spec.data.windows, spec.target
    if target.about.many and windows is not None and not windows.future:
        yield ("data", "windows", "future"), f"is needed for a {target.type} target: how many steps are looked ahead"
    if windows is not None and not windows.future and windows.future_columns:
        yield ("data", "windows", "future"), f"is needed for {', '.join(windows.future_columns)}"
    for at, metric in enumerate(spec.evaluate.metrics or ()):
        if (target.about.many or target.about.several) and metric not in METRICS:
            yield (
                ("evaluate", "metrics", at),
                f"'{metric}' is one of TFMA's or your own, which take one label a row. Remove it",
            )


__all__ = [
    "SPLITS",
    "Beam",
    "Data",
    "Evaluate",
    "Feature",
    "Hooks",
    "Model",
    "Push",
    "Spec",
    "Split",
    "Target",
    "Train",
    "Validate",
]
