"""Columns that name rows instead of describing them: ids, row numbers, and keys of rows that belong together."""

from __future__ import annotations

import re

from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

FEWEST_GROUPS = 30
"""A key with fewer different values would leave a split without rows."""

_UNNAMED = re.compile(
    r"(column\d+|unnamed[: _]*\d*|index|rownames?|row_?(id|number|nr)?|nr|no|_?id|uuid|guid)", re.IGNORECASE
)
_ID = re.compile(
    r"(.*[\s_.-])?(id|ids|uuid|guid|key|identifier|ssn|email|e_mail|tailnum|phone)|.*[a-z](Id|ID|Key|Code)|.*[A-Z]{2,}_?ID",
    re.ASCII,
)
_PERSON = re.compile(r"(.*_)?(user|customer|client|patient|subject|member|account|person|household|session|device|machine|store)(_?(id|no|nr|number|name))?", re.IGNORECASE)  # fmt: skip


def is_row_number(column: ColumnSurvey, rows: int) -> bool:
    """Tells whether a column counts the rows: whole numbers, each once, without a gap."""
    if column.kind != "integer" or column.filled < rows or column.distinct < rows or rows < 2:
        return False
    return bool(column.most - column.least + 1 == rows)


def is_unnamed(column: ColumnSurvey) -> bool:
    """Tells whether a column has the name that tools give to the index of a table."""
    return _UNNAMED.fullmatch(column.name) is not None


def is_named_as_id(column: ColumnSurvey) -> bool:
    """Tells whether the name of a column says that it names things."""
    name = column.name.strip()
    return (
        any(pattern.fullmatch(name) for pattern in (_UNNAMED, _ID, _PERSON)) or _ID.fullmatch(name.lower()) is not None
    )


def is_id(column: ColumnSurvey, rows: int) -> bool:
    """Tells whether a column names each row, or nearly each: it says nothing of a row that comes later."""
    if column.kind not in ("integer", "text") or not column.filled:
        return False
    if is_row_number(column, rows):
        return True
    unique = column.distinct == column.filled
    return unique and (is_named_as_id(column) or (column.kind == "text" and (column.words or 0) < 2 and rows > 20))


def groups_rows(column: ColumnSurvey, rows: int) -> bool:
    """Tells whether rows with the same value belong together: an id by its name, and it repeats."""
    if column.kind not in ("integer", "text") or not is_named_as_id(column) or is_row_number(column, rows):
        return False
    return FEWEST_GROUPS <= column.distinct < column.filled and column.filled >= 0.95 * rows


def split_key(survey: Survey, target: str) -> ColumnSurvey | None:
    """Returns the column by which rows are to be kept together in the split; None where each row stands for itself."""
    found = [column for column in survey.columns if column.name != target and groups_rows(column, survey.rows)]
    return min(found, key=lambda column: column.distinct, default=None)
