"""Which column is to be predicted, and what kind of answer it holds: guessed from names and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from stellwerk.columns import FALSE_WORDS, TRUE_WORDS
from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.errors import UsageError, did_you_mean
from stellwerk.pipelines.starting.keys import is_id, is_unnamed
from stellwerk.showing import listed

Task = Literal["binary", "multiclass", "regression"]

MOST_CLASSES = 100
_WHOLE_CLASSES = 20
"""Whole numbers with at most so many values, from 0 or 1 on without a gap, may be classes."""
_ROWS_OF_A_CLASS = 8

_SURE = re.compile(r"(is_?)?(target|labels?|class|outcome|response|output|ground_?truth)", re.IGNORECASE)
_LIKELY = re.compile(
    r"(is_?|has_?)?(survived|species|diagnosis|churn(ed)?|default(ed)?|fraud(ulent)?|exited|left|attrition|spam|purchased?|converted|"
    r"conversion|click(ed)?|approved|passed|quality|(sale_?)?price|sales|salary|wages?|mpg|late|delayed|cancelled|sentiment)",
    re.IGNORECASE,
)
_AT_AN_END = re.compile(r"y|type|status|category|rating|score|grade|result|revenue|income", re.IGNORECASE)
_POSITIVE = (*TRUE_WORDS, "positive", "pos", "spam", "malignant", "fraud", "bad", "churned", "left", "abnormal", "late", "up", "good", "survived", "ja", "oui", "si", "sí")  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """The target, its type, and why."""

    column: str
    task: Task
    why: str
    positive: Any = None


def guess(survey: Survey, column: str | None = None, task: str | None = None) -> Guess:
    """Returns the target: what was asked for, completed by what the values say.

    Raises UsageError for a column that is not there, or that cannot be what was asked for.
    """
    if column is None:
        found, why = _likeliest(survey)
    else:
        known = [each.name for each in survey.columns]
        if column not in known:
            raise UsageError(
                f"--target: there is no column '{column}' in the data.{did_you_mean(column, known)} Columns: {listed(known)}."
            )
        found, why = survey.column(column), "as you said"
    likely = task_of(survey, found)
    chosen: Any = task or likely
    _refuse_what_cannot_be(found, chosen)
    return Guess(found.name, chosen, why, _positive(survey, found) if chosen == "binary" else None)


def task_of(survey: Survey, column: ColumnSurvey) -> Task:
    """Returns what kind of answer a column holds."""
    if column.distinct == 2:
        return "binary"
    if column.kind in ("text", "boolean"):
        return "multiclass"
    whole = column.kind == "integer" or survey.share(column.name, "{} = trunc({})") >= 1
    if not whole or column.distinct > _WHOLE_CLASSES:
        return "regression"
    without_gap = column.least in (0, 1) and column.most - column.least + 1 == column.distinct
    named = _SURE.fullmatch(column.name) is not None or column.distinct <= 10
    return (
        "multiclass" if without_gap and named and column.filled >= _ROWS_OF_A_CLASS * column.distinct else "regression"
    )


def _likeliest(survey: Survey) -> tuple[ColumnSurvey, str]:
    usable = [column for column in survey.columns if _can_be_learned(survey, column)]
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


def _refuse_what_cannot_be(column: ColumnSurvey, task: Task) -> None:
    name = column.name
    if column.distinct < 2:
        raise UsageError(f"--target: '{name}' has {column.distinct} value in all rows: there is nothing to learn.")
    if column.kind in ("nested", "bytes"):
        raise UsageError(f"--target: '{name}' holds {column.sql_type}, not one value a row. Take another column.")
    if task == "regression" and column.kind in ("text", "boolean"):
        raise UsageError(f"--task regression: '{name}' holds texts such as '{column.least}'. Use --task multiclass.")
    if task == "binary" and column.distinct != 2:
        raise UsageError(
            f"--task binary: '{name}' has {column.distinct:,} values. Use --task multiclass or regression."
        )


def _positive(survey: Survey, column: ColumnSurvey) -> Any:
    """Returns the value that counts as positive; None where the spec's own rule (1, true, yes) says the same."""
    values = [value for value, _ in survey.common(column.name, 3)]
    if column.kind != "text":
        return None
    words = {str(value).strip().lower() for value in values}
    if words <= {*TRUE_WORDS, *FALSE_WORDS}:
        return None
    return next((value for value in values if str(value).strip().lower() in _POSITIVE), values[-1])
