"""Columns that name rows instead of describing them: ids, row numbers, and keys of rows that belong together."""

from __future__ import annotations

from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.kinds.choosing import is_named_as_id

FEWEST_GROUPS = 30
"""A key with fewer different values would leave a split without rows."""


def is_row_number(column: ColumnSurvey, rows: int) -> bool:
    """Tells whether a column counts the rows: whole numbers, each once, without a gap."""
    if column.kind != "integer" or column.filled < rows or column.distinct < rows or rows < 2:
        return False
    return bool(column.most - column.least + 1 == rows)


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
