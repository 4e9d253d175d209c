"""Which column is to be predicted, and what kind of answer it holds: guessed from names and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.errors import UsageError, did_you_mean
from stellwerk.kinds.choosing import is_unnamed
from stellwerk.pipelines.starting.keys import is_id
from stellwerk.showing import listed
from stellwerk.tasks import TASKS
from stellwerk.tasks.parts import StartPart

MOST_CLASSES = 100

_SURE = re.compile(r"(is_?)?(target|labels?|class|outcome|response|output|ground_?truth)", re.IGNORECASE)
_LIKELY = re.compile(
    r"(is_?|has_?)?(survived|species|diagnosis|churn(ed)?|default(ed)?|fraud(ulent)?|exited|left|attrition|spam|purchased?|converted|"
    r"conversion|click(ed)?|approved|passed|quality|(sale_?)?price|sales|salary|wages?|mpg|late|delayed|cancelled|sentiment)",
    re.IGNORECASE,
)
_AT_AN_END = re.compile(r"y|type|status|category|rating|score|grade|result|revenue|income", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """The target, its type, and why."""

    column: str
    task: str
    why: str
    positive: Any = None


def guess(survey: Survey, column: str | None = None, task: str | None = None) -> Guess:
    """Returns the target: what was asked for, completed by what the values say.

    Raises UsageError for a column that is not there, or that cannot be what was asked for.
    """
    if column is None:
        found, why = _likeliest(survey, task)
    else:
        known = [each.name for each in survey.columns]
        if column not in known:
            raise UsageError(
                f"--target: there is no column '{column}' in the data.{did_you_mean(column, known)} Columns: {listed(known)}."
            )
        found, why = survey.column(column), "as you said"
    chosen = task or task_of(survey, found)
    _refuse_what_cannot_be(found, chosen)
    return Guess(found.name, chosen, why, _part(chosen).positive(survey, found))


def task_of(survey: Survey, column: ColumnSurvey) -> str:
    """Returns what kind of answer a column holds: the first of the product's own that it suits."""
    return next(name for name in TASKS.own if _part(name).suits(survey, column))


def _part(task: str) -> StartPart:
    part: StartPart = TASKS.part(task, "start")
    return part


def _likeliest(survey: Survey, task: str | None) -> tuple[ColumnSurvey, str]:
    usable = [column for column in survey.columns if _can_be_learned(survey, column)]
    if task is not None:
        usable = [column for column in usable if _part(task).refused(column) is None] or usable
    if not usable:
        raise UsageError("no column can be learned: all are ids, empty, or free text. Name one with --target.")
    for column, why in _named(usable):
        return column, why
    return usable[-1], "the last column that can be learned"


def _named(usable: list[ColumnSurvey]) -> Iterator[tuple[ColumnSurvey, str]]:
    """Yields columns with a name that targets have; the last and the first column of a table are looked at first."""
    ends = [usable[-1], usable[0]]
    for patterns, among in (((_SURE, _LIKELY), ends), ((_SURE, _LIKELY), usable), ((_AT_AN_END,), ends)):
        for column in among:
            if any(pattern.fullmatch(column.name.strip()) for pattern in patterns):
                yield column, "its name is one that targets have"


def _can_be_learned(survey: Survey, column: ColumnSurvey) -> bool:
    if column.kind in ("nested", "bytes", "time") or column.distinct < 2 or is_unnamed(column):
        return False
    if column.kind == "text":
        return column.distinct <= min(MOST_CLASSES, max(2, column.filled // 3))
    return not is_id(column, survey.rows)


def _refuse_what_cannot_be(column: ColumnSurvey, task: str) -> None:
    name = column.name
    if column.distinct < 2:
        raise UsageError(f"--target: '{name}' has {column.distinct} value in all rows: there is nothing to learn.")
    if column.kind in ("nested", "bytes"):
        raise UsageError(f"--target: '{name}' holds {column.sql_type}, not one value a row. Take another column.")
    refused = _part(task).refused(column)
    if refused is not None:
        raise UsageError(f"--task {task}: {refused}")
