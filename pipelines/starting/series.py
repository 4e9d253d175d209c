"""Rows of a table as series: which column orders them, which name the series, how far apart they are, and what windows suit them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.errors import UsageError
from stellwerk.kinds.choosing import Choice, left_out
from stellwerk.pipelines.starting.columns import choose
from stellwerk.pipelines.starting.target import Guess

DAY, WEEK = 86_400.0, 604_800.0
MOST_WINDOWS = 20_000
"""Examples that are made of all series: windows that overlap less say nearly as much."""
LEAST = 40
"""Rows that the longest half of the series need for windows of three splits."""
PAST_SHARE, FUTURE_SHARE = 0.25, 0.05
"""Of a series a window is no longer than this: the test split holds some behind each other."""
SOME_GAPS, MANY_GAPS = 0.001, 0.25
"""From so many missing places on the last value stands for them; from so many on, as with days of trade, rows follow one another."""
ONCE = 0.99
"""So many rows of a series have a moment of their own."""
_MOST_KEYS = 0.1
_LENGTHS: tuple[tuple[float, Callable[[float], tuple[int, int]]], ...] = (
    (0.5 * 3600, lambda step: (min(int(DAY / step), 288), min(int(3600 / step), 30))),
    (0.5 * DAY, lambda step: (int(WEEK / step), int(DAY / step))),
    (3 * DAY, lambda _: (56, 7)),
    (2 * WEEK, lambda _: (104, 12)),
    (float("inf"), lambda _: (36, 6)),
)
"""Steps of the past and of the future for steps below so many seconds: a day and an hour, a week and a day, 8 weeks and one, 2 years and 12 weeks, 3 years and 6 months."""
_UNITS = (
    (365.25 * DAY, "year"),
    (30.4375 * DAY, "month"),
    (WEEK, "week"),
    (DAY, "day"),
    (3600, "hour"),
    (60, "minute"),
    (1, "second"),
)


@dataclass(frozen=True)
class Frame:
    """How rows become windows."""

    order: str
    moments: str
    """SQL that reads the order, where that is not the column itself; nothing where it is."""
    key: tuple[str, ...]
    step: float
    words: str
    """The step, as people say it."""
    past: int
    future: int
    stride: int
    gaps: str
    series: int
    length: int
    """Rows of a series in the middle."""

    @property
    def windows(self) -> dict[str, Any]:
        """The keys of `data.windows`."""
        found: dict[str, Any] = {"order": self.order, **({"key": list(self.key)} if self.key else {})}
        found |= {"past": self.past, "future": self.future}
        found |= {"stride": self.stride} if self.stride > 1 else {}
        return found | ({"gaps": self.gaps} if self.gaps != "drop" else {})


def framed(survey: Survey, target: Guess) -> Frame:
    """Returns how the rows of a survey become windows of the target. Raises UsageError where nothing orders them, or where they are too few."""
    asked = f"--task {target.task}"
    order, moments = _order(survey, target.column, asked)
    seconds = f"epoch({moments})" if moments else f"{order.quoted}::DOUBLE"
    key = _key(survey, target.column, order, seconds, asked)
    by = f"PARTITION BY {', '.join(column.quoted for column in key)} " if key else ""
    quoted = survey.column(target.column).quoted
    rows = f"SELECT {', '.join([*(column.quoted for column in key), f'{seconds} AS m'])} FROM {survey.table} WHERE {quoted} IS NOT NULL"
    apart = f"SELECT m - lag(m) OVER ({by}ORDER BY m) AS d FROM ({rows})"
    ((step,),) = survey.ask(f"SELECT median(d) FROM ({apart}) WHERE d > 0")
    if not step:
        raise UsageError(
            f"{asked}: no two rows follow one another in '{order.name}'. Say with data.windows how they do: docs/guides/series.md."
        )
    group = f"GROUP BY {', '.join(column.quoted for column in key)}" if key else ""
    lengths = f"SELECT count(DISTINCT m) AS n, (max(m) - min(m)) / {step!r} + 1 AS places FROM ({rows}) {group}"
    ((series, length, all_rows, places),) = survey.ask(
        f"SELECT count(*), median(n), sum(n), sum(places) FROM ({lengths})"
    )
    past, future = _window(step if moments else float("inf"), int(length), asked)
    missing = 1 - all_rows / places if places else 0.0
    gaps = "ignore" if missing >= MANY_GAPS else "last" if missing >= SOME_GAPS else "drop"
    stride = max(1, round(all_rows / MOST_WINDOWS))
    words = _words(step) if moments else f"{step:g}"
    own = order.kind == "time"
    return Frame(
        order.name,
        "" if own else moments,
        tuple(column.name for column in key),
        step,
        words,
        past,
        future,
        stride,
        gaps,
        series,
        int(length),
    )


def choices_of(survey: Survey, target: Guess, frame: Frame) -> list[Choice]:
    """Returns what becomes of each column: the target's past is what the model sees, and other numbers could be."""
    made = []
    for column in survey.columns:
        if column.name == target.column:
            why = f"its last {frame.past:,} values, of which each window is scaled by itself"
            made.append(Choice(column.name, {"type": "series"}, why))
        elif column.name == frame.order:
            made.append(left_out(column.name, "orders the rows, see data.windows"))
        elif column.name in frame.key:
            made.append(left_out(column.name, "names the series, see data.windows"))
        elif column.kind in ("integer", "number") and column.distinct > 1:
            made.append(Choice(column.name, {"type": "series"}, "numbers beside it, whose past may help", out=True))
        else:
            made.append(left_out(column.name, "is not a number; its value at the last moment could be a feature"))
    return made


def _order(survey: Survey, target: str, asked: str) -> tuple[ColumnSurvey, str]:
    """Returns the column that orders the rows, and the SQL that reads its moments; no SQL for whole numbers that count."""
    others = [column for column in survey.columns if column.name != target and column.distinct > 1]
    timed = [(column, choose(survey, column).moments) for column in others]
    timed = [(column, sql) for column, sql in timed if sql]
    if timed:
        return max(timed, key=lambda one: one[0].distinct)
    counting = [column for column in others if column.kind == "integer" and column.filled == survey.rows]
    if not counting:
        names = ", ".join(column.name for column in survey.columns)
        raise UsageError(
            f"{asked}: no column says when a row was: none holds moments, or whole numbers that count. Columns: {names}."
        )
    return max(counting, key=lambda column: column.distinct), ""


def _key(survey: Survey, target: str, order: ColumnSurvey, seconds: str, asked: str) -> tuple[ColumnSurvey, ...]:
    """Returns the columns that name the series: the fewest with which nearly each row has a moment of its own."""
    ((rows, own),) = survey.ask(f"SELECT count({seconds}), count(DISTINCT {seconds}) FROM {survey.table}")
    if own >= ONCE * rows:
        return ()
    named = [
        column
        for column in survey.columns
        if column.name not in (target, order.name)
        and column.kind in ("text", "integer", "boolean")
        and 1 < column.distinct <= _MOST_KEYS * survey.rows
    ]
    named.sort(key=lambda column: (column.kind == "integer", column.distinct))
    for many in (1, 2):
        for columns in itertools.combinations(named[:12], many):
            fields = ", ".join([*(column.quoted for column in columns), seconds])
            ((own,),) = survey.ask(
                f"SELECT count(*) FROM (SELECT DISTINCT {fields} FROM {survey.table} WHERE {seconds} IS NOT NULL)"
            )
            if own >= ONCE * rows:
                return columns
    raise UsageError(
        f"{asked}: {rows - own:,} rows have the moment of another row in '{order.name}', and no column or two of them tell the "
        "series apart. Make one in data.query and write the spec by hand: docs/guides/series.md begins with one."
    )


def _window(step: float, length: int, asked: str) -> tuple[int, int]:
    """Returns the steps of past and future that suit rows so far apart, no longer than series of that length bear."""
    if length < LEAST:
        raise UsageError(
            f"{asked}: half of the series have {length} rows or fewer, and windows for three splits need {LEAST}. Give longer ones."
        )
    past, future = next((lengths for below, lengths in _LENGTHS if step < below), _LENGTHS[-1][1])(step)
    future, most = max(1, min(future, int(FUTURE_SHARE * length))), int(PAST_SHARE * length)
    return (past if past <= most else max(2, most - most % future)), future


def _words(step: float) -> str:
    unit, name = next(((unit, name) for unit, name in _UNITS if step >= 0.9 * unit), (1, "second"))
    many = step / unit
    near = round(many) if abs(many - round(many)) <= 0.07 * many else None
    return f"{'an' if name == 'hour' else 'a'} {name}" if near == 1 else f"{near or f'{many:.3g}'} {name}s"
