"""The target's column over all splits: what its task makes of it, and whether anything can be learned of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.errors import DataError, did_you_mean
from stellwerk.spec.target import Target
from stellwerk.tables.lists import is_list, matrix
from stellwerk.tasks import TASKS
from stellwerk.tasks.parts import Answers, CheckPart, LabelPart


def new_answers(target: Target) -> Answers:
    """Returns a measure, over all splits, of what the target's column holds."""
    part: LabelPart = TASKS.part(target.type, "label")
    return part.answers(target)


def classes_of(examples: Examples, target: Target) -> list[str]:
    """Returns the classes of the target over all splits (none where it has none).

    Raises DataError for a target that is missing or not finite in some row, constant, or of too many values.
    """
    check_target(examples, target)
    answers = new_answers(target)
    for split in examples.manifest["splits"]:
        for batch in examples.batches(split, [target.column]):
            refuse_missing(batch.column(0), split, target)
            answers.add(batch.column(0))
    return answers.classes()


def check_target(examples: Examples, target: Target) -> None:
    """Raises DataError for a target whose column is absent, or of a type that its task cannot take."""
    if target.column not in examples.columns:
        raise DataError(
            f"target: there is no column '{target.column}' in the examples.{did_you_mean(target.column, examples.columns)}"
        )
    part: CheckPart = TASKS.part(target.type, "check")
    refused = part.refused(target, examples.columns[target.column])
    if refused is not None:
        raise DataError(f"target: {refused}")


def refuse_missing(column: pa.Array, split: str, target: Target) -> None:
    """Raises DataError for a target that is missing or not finite in some row of a batch."""
    missing = column.null_count
    if is_list(column.type):
        missing = int((~np.isfinite(matrix(column))).any(axis=1).sum())
    elif pa.types.is_floating(column.type):
        missing += int((~np.isfinite(np.asarray(column.drop_null()))).sum())
    if missing:
        raise DataError(
            f"target: column '{target.column}' is missing or not finite in {missing} or more rows of the {split} split. "
            "A model cannot learn from a row without its answer: leave such rows out in data.query."
        )
