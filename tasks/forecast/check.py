"""What is wrong with the values of a target that is to be forecast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stellwerk.columns import COLUMN_TYPES
from stellwerk.tasks.parts import Anomaly, Found, Train

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target


def problems(target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:  # noqa: ARG001 - lists are not counted
    """Yields texts where numbers must be."""
    column = target.past_column
    if column in seen.not_numbers:
        message = f"is {target.type}, but '{column}' holds texts such as '{seen.not_numbers[column][:40]}'"
        yield ("target", "type"), f"{message}. {seen.advice.get(column, 'Convert it with CAST in data.query.')}"


def anomaly(target: Target, train: Train) -> Anomaly | None:
    """Returns what is wrong with texts."""
    if train.is_number:
        return None
    fix = "make numbers of it in data.query"
    return Anomaly("TARGET_NOT_NUMERIC", f"a {target.type} target that holds texts", fix, share=1.0)


def refused(target: Target, column_type: str) -> str | None:
    """Returns why a column of single values is none."""
    if COLUMN_TYPES[column_type].length:
        return None
    return (
        f"column '{target.column}' holds one value a row, and a {target.type} needs the list of the next ones. Say with "
        "data.windows how rows become windows, or make lists in data.query."
    )
