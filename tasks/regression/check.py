"""What is wrong with the values of a target that is a quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stellwerk.columns import COLUMN_TYPES
from stellwerk.tasks import quantities
from stellwerk.tasks.classes import lists_refused
from stellwerk.tasks.parts import Anomaly, Found, Train

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target

_ADVICE = "Use type: multiclass, or convert it with CAST in data.query."


def problems(target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:
    """Yields texts, one value only, and differences that 32 bits lose."""
    yield from quantities.problems(target, values, seen, _ADVICE)


def anomaly(target: Target, train: Train) -> Anomaly | None:
    """Returns what is wrong with texts."""
    if train.is_number:
        return None
    fix = "make numbers of it in data.query, or change target.type"
    return Anomaly("TARGET_NOT_NUMERIC", f"a {target.type} target that holds texts", fix, share=1.0)


def refused(target: Target, column_type: str) -> str | None:
    """Returns why a column of texts is none."""
    if COLUMN_TYPES[column_type].number:
        return None
    if COLUMN_TYPES[column_type].length:
        return lists_refused(target, column_type)
    return f"column '{target.column}' is text, but a {target.type} needs numbers. {_ADVICE}"
