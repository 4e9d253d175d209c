"""The formulas of the metrics: the part `metrics` of a task names them.

A formula takes what a tally counted, for all slices at once, so that a metric costs no pass over the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Generic, TypeVar

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
def formulas(task: str) -> dict[str, Formula[Any]]:
    """Returns the formulas of all metrics for a task, by the metric's name."""
    found: dict[str, Formula[Any]] = {}
    for name, measure in measures(task).items():
        module, _, attribute = measure.formula.partition(":")
        found[name] = getattr(import_module(module), attribute)
    return found
