"""Explanation of a model: how it does class by class, which columns it looks at, and the rows it is most wrong about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.report.charts import Scale, tag
from stellwerk.report.judging import Confusion, Evaluation, Importance, Importances, WorstRow, WorstRows
from stellwerk.report.pictures import picture
from stellwerk.report.wording import NOTHING, clipped, count, measure, share, signed, titled

MOST_BARS = 20
MOST_CLASSES = 50
MOST_COLUMNS = 12
"""Columns of a row that are shown: those that the model looks at most."""
LONGEST_NAME, LONGEST_VALUE = 40, 120


@dataclass(frozen=True)
class ClassRow:
    """One class: how many examples are of it, how many were said to be, and how well the two agree."""

    name: str
    examples: float
    predicted: float
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Bar:
    """The importance of one column."""

    column: str
    value: str
    deviation: str
    drawn: Markup


@dataclass(frozen=True)
class ShownRow:
    """A row as it is written in the table."""

    actual: str
    predicted: str
    certainty: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class RowsTable:
    """The rows with the largest loss, with the columns that the model looks at most."""

    columns: tuple[str, ...] = ()
    rows: tuple[ShownRow, ...] = ()
    right: bool = False
    """Whether no row was told wrongly."""


def explanation(evaluation: Evaluation | None, order: Sequence[str]) -> dict[str, Any]:
    """Returns what the template needs; `order` are the columns as the data has them."""
    classes = (*class_rows(evaluation.confusion), *label_rows(evaluation)) if evaluation is not None else ()
    never = [row.name for row in classes if row.examples and not row.predicted]
    found = evaluation.importance if evaluation is not None else None
    shown, useless = _columns(found)
    return {
        "by_class": classes,
        "never_predicted": ", ".join(clipped(name, LONGEST_NAME) for name in never[:5]),
        "one_never": len(never) == 1,
        "importance_metric": titled(found.metric) if found is not None else "",
        "importance_bars": _bars(shown[:MOST_BARS]),
        "importance_more": max(0, len(shown) - MOST_BARS),
        "useless": ", ".join(clipped(name, LONGEST_NAME) for name in useless[:12])
        + (", ..." if len(useless) > 12 else ""),
        "worst_table": _table(evaluation.worst, found, order) if evaluation is not None else RowsTable(),
    }


def class_rows(confusion: Confusion | None) -> tuple[ClassRow, ...]:
    """Returns precision and recall of each class; none where rarer classes are left out, as their examples would be missing."""
    if confusion is None or confusion.classes_left_out or len(confusion.classes) > MOST_CLASSES:
        return ()
    predicted = [sum(column) for column in zip(*confusion.counts, strict=True)]
    rows = []
    for place, (name, counts) in enumerate(zip(confusion.classes, confusion.counts, strict=True)):
        right, examples = counts[place], sum(counts)
        precision, recall = _ratio(right, predicted[place]), _ratio(right, examples)
        f1 = _ratio(2 * right, examples + predicted[place])
        rows.append(ClassRow(name, examples, predicted[place], precision, recall, f1))
    return tuple(rows)


def label_rows(evaluation: Evaluation) -> tuple[ClassRow, ...]:
    """Returns what was counted of each label, of a target of several a row: at most so many, those with the most rows."""
    shown = evaluation.labels[:MOST_CLASSES]
    return tuple(ClassRow(one.label, one.examples, one.predicted, one.precision, one.recall, one.f1) for one in shown)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _columns(found: Importances | None) -> tuple[list[Importance], list[str]]:
    """Returns the columns that matter, and the names of those that do not: no more than chance moves them."""
    if found is None:
        return [], []
    least = max((column.mean for column in found.columns), default=0.0) / 200
    matters = [column for column in found.columns if column.mean > max(least, 0.0)]
    return matters, [column.column for column in found.columns if column not in matters]


def _bars(columns: Sequence[Importance]) -> list[Bar]:
    most = max((column.mean + column.deviation for column in columns), default=0.0) or 1.0
    return [
        Bar(
            clipped(column.column, LONGEST_NAME),
            signed(column.mean),
            f"±{measure(column.deviation)}" if column.deviation else "",
            _bar(column, most),
        )
        for column in columns
    ]


def _bar(column: Importance, most: float) -> Markup:
    """Draws a bar in percent of the row's width, and a thin line as far as the repeats deviate."""
    scale = Scale(0.0, most, 0, 100)
    ends = scale(column.mean - column.deviation), scale(column.mean + column.deviation)
    bar = tag("rect", class_="bar s0", y=4, width=f"{scale(column.mean):.2f}%", height=12, rx=2)
    line = tag("line", class_="whisker", x1=f"{ends[0]:.2f}%", x2=f"{ends[1]:.2f}%", y1=10, y2=10)
    told = tag("title", f"{column.column}: {signed(column.mean)}, deviation {measure(column.deviation)}")
    return tag("svg", told, bar, line, width="100%", height=20, role="img")


def _table(worst: WorstRows | None, found: Importances | None, order: Sequence[str]) -> RowsTable:
    if worst is None:
        return RowsTable()
    if not worst.rows:
        return RowsTable(right=True)
    known = worst.rows[0].row
    wanted = [column.column for column in found.columns if column.column in known] if found is not None else list(known)
    kept = wanted[:MOST_COLUMNS]
    places = {name: place for place, name in enumerate(order)}
    columns = tuple(sorted(kept, key=lambda name: places.get(name, len(places))))
    return RowsTable(columns, tuple(_shown(row, columns) for row in worst.rows))


def _shown(row: WorstRow, columns: Sequence[str]) -> ShownRow:
    certainty = f"{share(row.certainty)} sure" if row.certainty is not None else ""
    return ShownRow(
        _text(row.actual), _text(row.predicted), certainty, tuple(_value(row.row, name) for name in columns)
    )


def _value(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return picture(value, name) or _text(value)


def _text(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, float):
        return measure(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value) if abs(value) >= 100_000 else str(value)
    return clipped(" ".join(str(value).split()), LONGEST_VALUE)
