"""How metrics are measured for a task. What a metric is for all of them, `stellwerk.metrics` says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from stellwerk.errors import PlugInError
from stellwerk.metrics import METRICS, Measure
from stellwerk.tasks import TASKS


@cache
def measures(task: str) -> Mapping[str, Measure]:
    """Returns how each metric that suits a task is measured for it, in the order of the table of metrics.

    The metric says it itself where the task does not.
    """
    own: Mapping[str, Measure] = TASKS.part(task, "metrics").MEASURES
    by_metric = {name: metric.measures[task] for name, metric in METRICS.items() if task in metric.measures}
    known = {**by_metric, **own}
    return {name: known[name] for name in METRICS if name in known}


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
