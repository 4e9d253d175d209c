"""What columns mean beyond their SQL type: whole floats that are codes, and truth values that are the classes of a target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from stellwerk.components.ingestion.columns import Column
from stellwerk.components.ingestion.engine import name
from stellwerk.spec.features.patterns import Names
from stellwerk.spec.target import Target

_LARGEST = 2**63 - 1024
"""A DOUBLE beyond it is no whole number of 64 bits."""

_EXACT_DIGITS = 18


@dataclass(frozen=True)
class Uses:
    """What the spec makes of columns, by name or pattern."""

    numbers: Names
    """Columns that are needed as numbers."""
    codes: Names
    """Columns whose values are names, times or parts of a key: whole numbers there are exact."""
    named: Names = field(default_factory=Names)
    """Columns that the spec names: only these can be a reason to set a row aside."""
    classes: str | None = None
    """The target's column, where it holds classes."""
    labels: Target | None = None
    """The target, where a row may have several labels."""

    @classmethod
    def of(
        cls,
        numbers: Iterable[str],
        codes: Iterable[str] = (),
        named: Iterable[str] = (),
        target: Target | None = None,
    ) -> Uses:
        """Makes them of what a step is given; `named` are all columns and patterns that the spec names."""
        classes = target.column if target is not None and target.about.has_classes else None
        named = frozenset(named)
        numbers, codes, labels = list(numbers), list(codes), [] if target is None else [target.column]
        every = Names([*named, *numbers, *codes, *labels])
        several = target if target is not None and target.about.several else None
        return cls(Names.of(numbers, named), Names.of(codes, named), every, classes, several)


def meant(columns: Iterable[Column], described: Mapping[str, str], uses: Uses) -> list[Column]:
    """Returns the columns as they are meant; `described` has the SQL type of each.

    Whole numbers with gaps are floats to pandas, and decimals without a fraction are decimals to a database: they are whole numbers
    where the spec uses them as codes. Truth values are 0 and 1, but as classes they are called true and false.
    """
    return [_meant(column, described[column.name], uses) for column in columns]


def _meant(column: Column, sql_type: str, uses: Uses) -> Column:
    quoted = name(column.called)
    if column.name == uses.classes and sql_type == "BOOLEAN":
        return replace(column, kind="string", sql=f"CAST({quoted} AS VARCHAR)")
    if column.kind != "float" or column.from_text:
        return column
    if _is_whole(sql_type):
        return replace(column, kind="int64", sql=f"CAST({quoted} AS BIGINT)")
    if column.name not in uses.codes:
        return column
    value = f"CAST({quoted} AS DOUBLE)"
    whole = f"isfinite({value}) AND abs({value}) <= {_LARGEST} AND {value} = trunc({value})"
    given = f"CASE WHEN NOT isnan({value}) THEN {value} END"
    return replace(
        column, kind="int64", sql=f"CASE WHEN {whole} THEN CAST({quoted} AS BIGINT) END", from_text=True, given=given
    )


def _is_whole(sql_type: str) -> bool:
    """Tells whether an SQL type is a decimal without a fraction that 64 bits hold."""
    if not sql_type.startswith("DECIMAL("):
        return False
    width, scale = sql_type.removeprefix("DECIMAL(").rstrip(")").split(",")
    return int(scale) == 0 and int(width) <= _EXACT_DIGITS
