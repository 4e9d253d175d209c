"""The formulas of the metrics: the part `metrics` of a task names them.

A formula takes what a tally counted, for all slices at once, so that a metric costs no pass over the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Generic, TypeVar

from stellwerk.errors import PlugInError
from stellwerk.metrics import FAMILY, METRICS
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.intervals import Interval
from stellwerk.tasks.measures import measures

Counts = TypeVar("Counts")


@dataclass(frozen=True)
class Formula(Generic[Counts]):
    """A metric as a function of counts; float64 [slices], NaN where it is not defined."""

    value: Callable[[Counts], Array]
    interval: Callable[[Counts], Interval]
    """Where it lies with 95 % confidence."""


@lru_cache
def formulas(task: str, wanted: tuple[str, ...]) -> dict[str, Formula[Any]]:
    """Returns the formulas for a task, by the metric's name.

    Of the metrics that say themselves how it measures them, only those that are `wanted`. Raises PlugInError where a package has not the formula that it names.
    """
    return {
        name: _imported(task, name, measure.formula)
        for name, measure in measures(task).items()
        if name in wanted or not METRICS[name].measures
    }


def _imported(task: str, name: str, path: str) -> Any:
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        package, said = FAMILY.package(name) or TASKS.package(task), f"{type(error).__name__}: {error}".rstrip(".")
        if not package:
            raise
        raise PlugInError(
            f"The metric '{name}' of the package {package} has no formula at {path}: {said}. Mend the package, or remove it."
        ) from error
