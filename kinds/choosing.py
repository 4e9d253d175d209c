"""What a column is to the spec that `stellwerk init` writes: a feature of some kind, or left out; and who says so.

Rules are asked in the order of their ranks, those of kinds and those of `pipelines/starting` that leave columns out, and the first one
that has an answer decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey

MOST_CATEGORIES = 1_000
FEW = 20
"""So few different values are never a quantity, and such texts always categories, however few rows there are."""

_UNNAMED = re.compile(
    r"(column\d+|unnamed[: _]*\d*|index|rownames?|row_?(id|number|nr)?|nr|no|_?id|uuid|guid)", re.IGNORECASE
)
_ID = re.compile(
    r"(.*[\s_.-])?(id|ids|uuid|guid|key|identifier|ssn|email|e_mail|tailnum|phone)|.*[a-z](Id|ID|Key|Code)|.*[A-Z]{2,}_?ID",
    re.ASCII,
)
_PERSON = re.compile(r"(.*_)?(user|customer|client|patient|subject|member|account|person|household|session|device|machine|store)(_?(id|no|nr|number|name))?", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One column and what is made of it."""

    column: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the feature; none where the column is left out."""
    why: str = ""
    """What speaks for it, as a comment."""
    sql: str = ""
    """What data.query must make of the column first, where the spec has no word for it."""
    moments: str = ""
    """SQL that reads the column as moments, where it holds some."""
    suspect: str = ""
    """Why the column may be a leak, though it stays."""
    out: bool = False
    """Whether it is left out although it could be a feature."""

    @property
    def taken(self) -> bool:
        """Whether the column becomes a feature."""
        return bool(self.settings) and not self.out


def left_out(column: str, why: str) -> Choice:
    """Returns the choice to leave a column out."""
    return Choice(column, why=why)


@dataclass(frozen=True)
class Rule:
    """Looks at one column, and says what is made of it, or nothing."""

    rank: int
    """The lower one is asked first. 10: certain by the type of the column or by how every value is written; 20 leaves out what names
    each row; 30: one of two; 40: a category by its name or as there are few; 50: a quantity or words; 60: what repeats often; 90 leaves out the rest."""
    decide: Callable[[Survey, ColumnSurvey], Choice | None]


def is_unnamed(column: ColumnSurvey) -> bool:
    """Tells whether a column has the name that tools give to the index of a table."""
    return _UNNAMED.fullmatch(column.name) is not None


def is_named_as_id(column: ColumnSurvey) -> bool:
    """Tells whether the name of a column says that it names things."""
    name = column.name.strip()
    return (
        any(pattern.fullmatch(name) for pattern in (_UNNAMED, _ID, _PERSON)) or _ID.fullmatch(name.lower()) is not None
    )


def missing(survey: Survey, column: ColumnSurvey) -> str:
    """Returns how much of a column is missing, as the end of a comment; an empty text where nothing is."""
    rows = survey.rows - column.filled
    if not rows:
        return ""
    return f"; {rows / survey.rows:.0%} missing" if rows >= 0.005 * survey.rows else f"; {rows:,} missing"
