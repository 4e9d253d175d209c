"""The rows of `anomalies.json`, and the table that the gate shows when it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stellwerk.errors import GateRefused
from stellwerk.showing import short

ALL = "(all)"
SHOWN = 50
"""How many anomalies the table shows; `anomalies.json` has them all."""


@dataclass(frozen=True)
class Row:
    """One anomaly: where, what, how many examples of the split, and what would accept it.

    `line` is that of the column in the curated schema; None without one, or where the spec is what to change.
    """

    split: str
    column: str | None
    kind: str
    what: str
    examples: int | None
    share: float | None
    fix: str
    line: int | None


def refusal(rows: Sequence[Row]) -> GateRefused:
    """Returns the gate's refusal: an aligned table of what, where, how many, and what to change."""
    cells = [("split", "column", "examples", "what")]
    cells += [(row.split, short(row.column or ALL), _count(row), row.what) for row in rows[:SHOWN]]
    widths = [max(len(line[place]) for line in cells) for place in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line[:3], widths, strict=True)), line[3]])
        for line in cells
    ]
    indent = " " * (sum(widths) + 6)
    table = [lines[0]]
    for line, row in zip(lines[1:], rows[:SHOWN], strict=True):
        table += [line, f"{indent}→ {row.fix}"]
    if len(rows) > SHOWN:
        table.append(f"and {len(rows) - SHOWN} more, in anomalies.json")
    number = f"{len(rows)} anomalies" if len(rows) > 1 else "1 anomaly"
    return GateRefused(
        f"The data do not pass: {number}. Correct the data, or accept what is right as it is by the change after the arrow; "
        "`validate.on_anomaly: warn` only reports.\n" + "\n".join(table)
    )


def _count(row: Row) -> str:
    if row.examples is None:
        return "-"
    return f"{row.examples} ({row.share:.2%})" if row.share is not None else str(row.examples)
