"""From data without a spec to a spec that runs as it is: `stellwerk init`.

`source.py` finds out how the files are read, `target.py` what is to be predicted, `columns.py` what each other column is good for,
`keys.py` which rows belong together, `leaks.py` what gives the answer away, `series.py` how rows follow one another; `writing.py` writes it
all down.
"""

from __future__ import annotations

from collections.abc import Sequence

from stellwerk.components.ingestion.surveying import ColumnSurvey
from stellwerk.errors import UsageError
from stellwerk.kinds.choosing import Choice, left_out
from stellwerk.pipelines.starting.columns import choose
from stellwerk.pipelines.starting.keys import split_key
from stellwerk.pipelines.starting.leaks import without_leaks
from stellwerk.pipelines.starting.series import choices_of, framed
from stellwerk.pipelines.starting.source import Opened, opened
from stellwerk.pipelines.starting.target import Guess, guess
from stellwerk.pipelines.starting.writing import Plan, pipeline_name, written
from stellwerk.tasks import about


def plan(data: Opened, target: Guess) -> Plan:
    """Returns what the spec is made of. Raises UsageError where no column is left to learn from."""
    survey = data.survey
    if about(target.task).many:
        frame = framed(survey, target)
        return Plan(pipeline_name(data.name), data, target, choices_of(survey, target, frame), None, frame)
    key = split_key(survey, target.column)
    choices = [choose(survey, column) for column in survey.columns if column.name != target.column]
    choices = without_leaks(survey, target, _without_key(choices, key))
    if not any(choice.taken for choice in choices):
        why = "; ".join(f"{choice.column}: {choice.why}" for choice in choices[:5])
        raise UsageError(f"no column is left to learn '{target.column}' from. {why}")
    return Plan(pipeline_name(data.name), data, target, choices, key)


def _without_key(choices: Sequence[Choice], key: ColumnSurvey | None) -> list[Choice]:
    if key is None:
        return list(choices)
    return [
        left_out(choice.column, "names whom the row is of, see split") if choice.column == key.name else choice
        for choice in choices
    ]


__all__ = ["Guess", "Opened", "Plan", "guess", "opened", "plan", "written"]
