"""How metrics are measured for a task. What a metric is for all of them, `stellwerk.metrics` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from stellwerk.errors import PlugInError
from stellwerk.metrics import METRICS
from stellwerk.tasks import TASKS


@dataclass(frozen=True)
class Measure:
    """How a metric is measured for one task."""

    formula: str
    """Import path of its `Formula`, `module:NAME`."""
    tfma: str
    """The class of TFMA, or of Keras, that it equals."""
    usual: int = 0
    """Its place among those that are measured where the spec names none; 0 for none of them."""
    average: str = ""
    """How TFMA averages it over classes."""
    threshold: str = ""
    """The option of TFMA's class that `evaluate.threshold` goes to."""
    of_losses: Literal["", "mean", "root"] = ""
    """What of the mean loss of rows it is, for the metric by which columns are called important."""
    alike: Literal["", "share", "spread", "deviation"] = ""
    """What of the labels it is, for a model that answers the same for every row."""


@cache
def measures(task: str) -> Mapping[str, Measure]:
    """Returns how each metric that suits a task is measured for it, in the order of the table of metrics."""
    own: Mapping[str, Measure] = TASKS.part(task, "metrics").MEASURES
    return {name: own[name] for name in METRICS if name in own}


def by_task(metric: str) -> Mapping[str, Measure]:
    """Returns how a metric is measured for each task that it suits; a task whose package is broken is left out."""
    return {task: known[metric] for task in TASKS if metric in (known := _readable(task))}


def _readable(task: str) -> Mapping[str, Measure]:
    try:
        return measures(task)
    except PlugInError:
        return {}


def suiting(task: str) -> tuple[str, ...]:
    """Returns the metrics of a task, first those that no other has."""
    return tuple(sorted(measures(task), key=lambda name: len(by_task(name))))


def usual(task: str) -> tuple[str, ...]:
    """Returns what is measured when the spec names no metrics."""
    known = {name: measure.usual for name, measure in measures(task).items() if measure.usual}
    return tuple(sorted(known, key=lambda name: known[name]))


def of_losses(task: str) -> tuple[str, Measure]:
    """Returns the metric of a task that is made of the losses of rows alone."""
    return next((name, measure) for name, measure in measures(task).items() if measure.of_losses)


def measured(name: str, task: str) -> Measure | None:
    """Returns how a metric is measured for a task; None for one of TFMA's, a hook, or one that does not suit it."""
    return measures(task).get(name)
