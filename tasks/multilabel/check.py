"""What is wrong with the values of a target of several labels a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.tasks.classes import COLUMN, MOST_VALUES
from stellwerk.tasks.multilabel.label import LabelAnswers
from stellwerk.tasks.parts import Anomaly, Found, Train

if TYPE_CHECKING:
    from stellwerk.components.ingestion.probing import Probe
    from stellwerk.spec.target import Target


def problems(target: Target, values: Counter[Any], seen: Probe) -> Iterator[Found]:
    """Yields no label, one only, one in every row, and too many.

    The first rows are enough where they are not suspicious; otherwise all rows are looked at, where they can be.
    """
    error = _said(target, values)
    if error is not None and not seen.complete:
        everything = seen.values(target.column, MOST_VALUES)
        known = Counter(everything.found)
        error = _said(target.model_copy(update={"min_count": 1}), known) if everything.complete else None
    if error is not None:
        yield COLUMN, error.said


def _said(target: Target, values: Counter[Any]) -> DataError | None:
    """Returns what a run would say of these texts."""
    answers = LabelAnswers(target)
    answers.add(pa.array(list(values.elements()), pa.string()))
    try:
        answers.classes()
    except DataError as error:
        return error
    return None


def anomaly(target: Target, train: Train) -> Anomaly | None:  # noqa: ARG001 - one text may be several labels
    """Returns what is wrong with one text only."""
    if train.only is None:
        return None
    what = f"all rows have the same labels: {train.only or 'none'}. Nothing can be learned from them"
    return Anomaly("TARGET_ONE_CLASS", what, "give data in which labels differ, or change target.column or data.query")


def refused(target: Target, column_type: str) -> str | None:
    """Returns why a column without texts is none."""
    if column_type == "string":
        return None
    return (
        f"column '{target.column}' is {column_type}, but a {target.type} target is a list of texts, or a text with "
        f"'{target.separator}' between its labels. Make one in data.query, e.g. with concat_ws."
    )
