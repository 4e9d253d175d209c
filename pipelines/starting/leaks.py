"""Columns that tell the target by themselves: probably made of it, or known only after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stellwerk.components.ingestion.associating import Association, of_classes, of_quantity
from stellwerk.components.ingestion.surveying import Survey
from stellwerk.pipelines.starting.choices import Choice
from stellwerk.pipelines.starting.target import Guess, Task

CERTAIN = {"binary": 0.995, "multiclass": 0.995, "regression": 0.999}
SUSPECT = {"binary": 0.95, "multiclass": 0.95, "regression": 0.97}
"""Of the strengths from which a column is left out, or only warned of."""
FEWEST_ROWS = 50
"""Of fewer rows any column tells much by chance."""


def without_leaks(survey: Survey, target: Guess, choices: Sequence[Choice]) -> list[Choice]:
    """Returns the choices with columns left out that tell the target, and a warning at those that nearly do."""
    if survey.rows < FEWEST_ROWS:
        return list(choices)
    return [
        _judged(choice, _association(survey, target, choice), target.task) if choice.taken else choice
        for choice in choices
    ]


def _association(survey: Survey, target: Guess, choice: Choice) -> Association | None:
    column, wanted = survey.column(choice.column), survey.column(target.column)
    if target.task == "regression":
        return of_quantity(survey, column, wanted)
    return of_classes(survey, column, wanted, 2 if target.task == "binary" else wanted.distinct)


def _judged(choice: Choice, found: Association | None, task: Task) -> Choice:
    if found is None or found.strength < SUSPECT[task]:
        return choice
    if found.strength >= CERTAIN[task]:
        return replace(choice, out=True, why=f"a leak? {found.sentence}: it was probably made of the target")
    return replace(choice, why=f"{choice.why}; a leak? {found.sentence}")
