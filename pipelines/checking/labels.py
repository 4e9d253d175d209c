"""Whether the target column can be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stellwerk.columns import BETWEEN_LABELS
from stellwerk.components.ingestion.probing import Probe
from stellwerk.errors import did_you_mean
from stellwerk.loading.document import Keys
from stellwerk.pipelines.checking.values import counted
from stellwerk.spec import Spec
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.classes import MOST_VALUES, class_called, named
from stellwerk.tasks.parts import CheckPart

Found = tuple[Keys, str]

SHOWN = 8
"""Classes that a message names."""


def check_class_weights(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields the names in `train.class_weights` that no class has, where all values of the target can be seen."""
    given, target = spec.train.class_weights, spec.target
    if not isinstance(given, Mapping):
        return
    names = _names(target, counted(seen, target.column))
    if any(class_called(name, sorted(names)) is None for name in given):
        everything = seen.values(target.column, MOST_VALUES)
        if not everything.complete:
            return
        names = _names(target, Counter(everything.found))
    classes = sorted(names)
    for name in given:
        if classes and class_called(name, classes) is None:
            shown = ", ".join(map(repr, classes[:SHOWN])) + (", ..." if len(classes) > SHOWN else "")
            message = (
                f"'{name}' is no class of column '{target.column}'.{did_you_mean(name, classes)} Classes: {shown}."
            )
            yield ("train", "class_weights", name), message


def _names(target: Target, values: Counter[Any]) -> Counter[str]:
    """Returns how often each class, or label, occurs."""
    if not target.about.several:
        return named(values)
    return Counter(name for text in values for name in str(text).split(BETWEEN_LABELS) if name)


def check_target(target: Target, seen: Probe) -> Iterator[Found]:
    """Yields what is wrong with the target, as its task sees it.

    The first rows are enough where they are not suspicious; otherwise all rows are looked at, where they can be.
    """
    task: CheckPart = TASKS.part(target.type, "check")
    yield from task.problems(target, counted(seen, target.column), seen)
