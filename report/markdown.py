"""What a gate said, as Markdown: the dashboard shows it in its own letters, and so does anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stellwerk.report.judging import Blessing
from stellwerk.report.reading import Anomaly
from stellwerk.report.rehearsed import Rehearsal
from stellwerk.report.rehearsing import requirement_rows
from stellwerk.report.verdict import Verdict
from stellwerk.report.wording import clipped, count, measure, share, signed

MOST_ROWS = 50
"""Rows of a table; the page and the artifact have them all."""

MARKS = re.compile(r"([\\`*_\[\]|<>~&=#]|(?<=:)/)")
"""What Markdown would read as more than a character; a slash after a colon would make a link."""


def plain(text: str) -> str:
    """Returns text from outside so that Markdown takes every character for itself, on one line."""
    return MARKS.sub(r"\\\1", clipped(" ".join(text.split()), 400))


def judged(said: Verdict, *tables: str) -> str:
    """Returns a verdict with the tables that belong to it."""
    return "\n\n".join([f"## {said.headline}", plain(said.sentence), *filter(None, tables)]) + "\n"


def anomalies_table(anomalies: Sequence[Anomaly]) -> str:
    """Returns the rows of the data gate, or nothing where there are none."""
    rows = [
        (row.split, row.column or "(all columns)", row.what, count(row.examples), share(row.share), row.fix or "")
        for row in anomalies
    ]
    return _table(("split", "column", "what", "examples", "share", "what to change"), rows)


def blessing_table(blessing: Blessing) -> str:
    """Returns what was required and reached, what is not met first, or nothing where nothing was required."""
    rows = []
    for row in (*blessing.refused, *blessing.met):
        gain = row.bound == "min_gain"
        required = f"{row.words} {signed(row.required) if gain else measure(row.required)}"
        reached = signed(row.difference) if gain else measure(row.value)
        rows.append((_mark(row.ok), row.metric, row.label, required, reached))
    return _table(("verdict", "metric", "where", "required", "reached"), rows)


def rehearsal_table(rehearsal: Rehearsal) -> str:
    """Returns what was required of the server and seen, what is not met first."""
    rows = [(_mark(row.ok), row.title, row.required, row.reached) for row in requirement_rows(rehearsal)]
    return _table(("verdict", "what", "required", "reached"), rows)


def _mark(ok: bool) -> str:
    return "met" if ok else "NOT MET"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows[:MOST_ROWS])]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return text if len(rows) <= MOST_ROWS else f"{text}\n\nAnd {len(rows) - MOST_ROWS} more."
