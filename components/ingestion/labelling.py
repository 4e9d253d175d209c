"""A column with several labels a row, a list or a text, as one text a row in which they are sorted: what Examples have of it."""

from __future__ import annotations

from collections.abc import Mapping

from stellwerk.columns import BETWEEN_LABELS
from stellwerk.components.ingestion import spelling
from stellwerk.components.ingestion.engine import name, text
from stellwerk.errors import DataError
from stellwerk.spec.target import Target

INSIDE = "¦"
"""Takes the place of `BETWEEN_LABELS` in a label that has it."""
_TEXTS = ("VARCHAR", "ENUM", "JSON", "NULL")


def labelled(relation: str, described: Mapping[str, str], target: Target | None) -> tuple[str, dict[str, str]]:
    """Returns a SELECT and the SQL type of each of its columns, with the target's labels as texts where it has several a row.

    Labels have no blanks around them, each is there once, and one that has the sign between labels gets `INSIDE` for it; a null is missing, and an empty list or text is a row without labels.
    Raises DataError for a column that is neither a list nor a text.
    """
    if target is None or not target.about.several or target.column not in described:
        return relation, dict(described)
    kind, quoted = described[target.column], name(spelling.called(described)[target.column])
    if kind.endswith("[]"):
        given = f"CAST({quoted} AS VARCHAR[])"
    elif kind.startswith(_TEXTS) and not kind.endswith("]"):
        given = f"string_split({quoted}, {text(target.separator)})"
    else:
        raise DataError.of_key(
            "target.column",
            f"column '{target.column}' is {kind}, and no list of texts and no text with '{target.separator}' between labels. "
            "Make one in data.query, e.g. with concat_ws, or choose another column.",
        )
    plain = f"replace(trim(x), {text(BETWEEN_LABELS)}, {text(INSIDE)})"
    found = f"list_sort(list_distinct([{plain} FOR x IN {given} IF trim(x) <> '']))"
    made = f"CASE WHEN {quoted} IS NOT NULL THEN array_to_string({found}, {text(BETWEEN_LABELS)}) END"
    return f"SELECT * REPLACE ({made} AS {quoted}) FROM ({relation})", {**described, target.column: "VARCHAR"}
