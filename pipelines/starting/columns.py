"""Which feature a column makes, or none: who can make something of it are the kinds, here is what is left out."""

from __future__ import annotations

import re
from functools import cache

from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey
from stellwerk.errors import PlugInError
from stellwerk.kinds import KINDS
from stellwerk.kinds.choosing import MOST_CATEGORIES, Choice, Rule, is_named_as_id, is_unnamed, left_out
from stellwerk.kinds.parts import starting
from stellwerk.pipelines.starting.keys import is_id, is_row_number

_NAMES = re.compile(r"(.*[\s_.-])?(name|title|first_?name|last_?name|surname|model|car)", re.IGNORECASE)


def choose(survey: Survey, column: ColumnSurvey) -> Choice:
    """Returns what is made of a column that is not the target, and why."""
    useless = _says_nothing(survey, column)
    if useless:
        return left_out(column.name, useless)
    made = (rule.decide(survey, column) for rule in _rules())
    return next(choice for choice in made if choice is not None)


@cache
def _rules() -> tuple[Rule, ...]:
    """Returns the rules of all kinds and those from here, in the order in which they are asked."""
    rules = list(_LEAVE_OUT)
    for name in KINDS:
        try:
            kind = starting(name)
        except PlugInError:  # a spec that uses it says so; a first one does without
            continue
        rules += kind.RULES if kind is not None else ()
    return tuple(sorted(rules, key=lambda rule: rule.rank))


def _says_nothing(survey: Survey, column: ColumnSurvey) -> str:
    """Returns why nothing can be learned from a column, whatever is in it; an empty text where something can."""
    if column.kind == "nested":
        return f"holds several values a row ({column.sql_type[:60]}): take it apart in data.query"
    if not column.filled:
        return "no row has a value"
    if column.distinct == 1 and column.kind != "bytes":
        every = "the same in every row" if column.filled == survey.rows else "one value only, or none"
        return f"{every}: {column.least}"
    return "counts the rows" if is_row_number(column, survey.rows) else ""


def _ids(survey: Survey, column: ColumnSurvey) -> Choice | None:
    if not is_id(column, survey.rows):
        return None
    return left_out(column.name, f"an id: {column.distinct:,} different ones in {column.filled:,} rows")


def _row_numbers(_survey: Survey, column: ColumnSurvey) -> Choice | None:
    if column.kind != "integer" or not is_unnamed(column) or column.distinct != column.filled:
        return None
    return left_out(column.name, "counts the rows")


def _names(_survey: Survey, column: ColumnSurvey) -> Choice | None:
    """Leaves out names and ids that hardly repeat."""
    if column.kind == "integer" and is_named_as_id(column) and column.distinct > MOST_CATEGORIES:
        return left_out(column.name, f"an id: {column.distinct:,} different values in {column.filled:,} rows")
    if column.kind == "text" and _NAMES.fullmatch(column.name) and column.distinct * 2 > column.filled:
        return left_out(column.name, f"names: {_told(column)}")
    return None


def _texts_named_as_ids(_survey: Survey, column: ColumnSurvey) -> Choice | None:
    if column.kind != "text" or not is_named_as_id(column):
        return None
    return left_out(column.name, f"an id: {_told(column)}")


def _bytes(_survey: Survey, column: ColumnSurvey) -> Choice | None:
    if column.kind != "bytes":
        return None
    return left_out(column.name, "holds bytes: a function of your own could read them (type: custom)")


def _the_rest(_survey: Survey, column: ColumnSurvey) -> Choice:
    return left_out(column.name, f"nearly unique: {_told(column)}")


def _told(column: ColumnSurvey) -> str:
    return f"{column.distinct:,} different ones in {column.filled:,} rows"


_LEAVE_OUT = (
    Rule(15, _bytes),
    Rule(20, _ids),
    Rule(35, _row_numbers),
    Rule(45, _names),
    Rule(55, _texts_named_as_ids),
    Rule(90, _the_rest),
)
"""What no kind is to be made of, though it could be, between the rules of kinds."""
