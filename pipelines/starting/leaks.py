"""Columns that tell the target by themselves, or two together: probably made of it, or known only after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stellwerk.components.ingestion import pairing
from stellwerk.components.ingestion.associating import Association, of_classes, of_quantity
from stellwerk.components.ingestion.pairing import Pair
from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.kinds.choosing import Choice
from stellwerk.pipelines.starting.target import Guess
from stellwerk.tasks import TASKS, about
from stellwerk.tasks.parts import StartPart

TOGETHER = 0.999
"""Of what two columns tell together, from which on they are warned of."""
FEWEST_ROWS, FEWEST_ROWS_OF_PAIRS = 50, 150
"""Of fewer rows any column, or two of many, tell much by chance."""


def without_leaks(survey: Survey, target: Guess, choices: Sequence[Choice]) -> list[Choice]:
    """Returns the choices with columns left out that tell the target, and a warning at those that nearly do."""
    if survey.rows < FEWEST_ROWS:
        return list(choices)
    task: StartPart = TASKS.part(target.task, "start")
    judged = [
        _judged(choice, _association(survey, target, choice), task) if choice.taken else choice for choice in choices
    ]
    same = {choice.column for choice, before in zip(judged, choices, strict=True) if choice == before and choice.taken}
    pair = _pair(survey, target, [column for column in survey.columns if column.name in same])
    return judged if pair is None else [_warned(choice, pair) for choice in judged]


def _pair(survey: Survey, target: Guess, columns: Sequence[ColumnSurvey]) -> Pair | None:
    """Returns the two columns that tell the target together, if there are such two; none of which tells it alone."""
    wanted = survey.column(target.column)
    if survey.rows < FEWEST_ROWS_OF_PAIRS or len(columns) < 2:
        return None
    if about(target.task).has_names:
        found = pairing.of_classes(survey, columns, wanted, wanted.distinct)
    else:
        found = pairing.of_quantity(survey, columns, wanted)
    return found if found is not None and found.strength >= TOGETHER else None


def _warned(choice: Choice, pair: Pair) -> Choice:
    if choice.column not in pair.columns:
        return choice
    other = pair.columns[choice.column == pair.columns[0]]
    why = f"a leak? with {other}: {pair.sentence}"
    return replace(choice, why=f"{choice.why}; {why}", suspect=why)


def _association(survey: Survey, target: Guess, choice: Choice) -> Association | None:
    column, wanted = survey.column(choice.column), survey.column(target.column)
    if about(target.task).has_names:
        return of_classes(survey, column, wanted, wanted.distinct)
    return of_quantity(survey, column, wanted)


def _judged(choice: Choice, found: Association | None, task: StartPart) -> Choice:
    if found is None or found.strength < task.SUSPECT:
        return choice
    if found.strength >= task.CERTAIN:
        return replace(choice, out=True, why=f"a leak? {found.sentence}: it was probably made of the target")
    why = f"a leak? {found.sentence}"
    return replace(choice, why=f"{choice.why}; {why}", suspect=why)
