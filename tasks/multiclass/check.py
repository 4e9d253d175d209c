"""What is wrong with the values of a target of several classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stellwerk.tasks import classes
from stellwerk.tasks.multiclass.label import find_classes
from stellwerk.tasks.parts import Anomaly, Found, Train

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target


def problems(target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:
    """Yields fractions, one value only, and too many."""
    yield from classes.problems(target, values, seen, find_classes)


def anomaly(target: Target, train: Train) -> Anomaly | None:  # noqa: ARG001 - whatever it is called
    """Returns what is wrong with one value only."""
    return classes.anomaly(train)


def refused(target: Target, column_type: str) -> str | None:
    """A column of any type has names, but for one of lists."""
    return classes.lists_refused(target, column_type)
