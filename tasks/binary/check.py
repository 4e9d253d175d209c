"""What is wrong with the values of a binary target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stellwerk.tasks import classes
from stellwerk.tasks.binary.label import find_classes
from stellwerk.tasks.parts import Anomaly, Found, Train

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target


def problems(target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:
    """Yields fractions, one value only, more than two, and a `positive` that does not occur."""
    yield from classes.problems(target, values, seen, find_classes)


def anomaly(target: Target, train: Train) -> Anomaly | None:
    """Returns what is wrong with one value only, or with more than two."""
    if len(train.classes) <= 2 or train.only is not None:
        return classes.anomaly(train)
    what = f"a {target.type} target with {len(train.classes)} values: {', '.join(train.classes[:5])}"
    return Anomaly("TARGET_MANY_CLASSES", what, "set target.type: multiclass, or make two values of them in data.query")


def refused(target: Target, column_type: str) -> str | None:
    """A column of any type has names, but for one of lists."""
    return classes.lists_refused(target, column_type)
