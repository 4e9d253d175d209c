"""What is known of media as columns of the rows: `photo.width` beside `photo`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stellwerk.columns import DIGEST, medium_of
from stellwerk.components.ingestion import spelling
from stellwerk.components.ingestion.engine import name, text


def unfolded(relation: str, described: Mapping[str, str]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Returns a SELECT and its types with a column more for each fact of each medium, and the column that each of these is about.

    `relation` and `described` are a `spelling.result`. A column of that name that is there already is left alone.
    """
    called = spelling.called(described)
    taken = {spelling.folded(column) for column in described}
    asked: list[str] = []
    types: dict[str, str] = {}
    about: dict[str, str] = {}
    for column, kind in described.items():
        found = medium_of(kind)
        for fact, fact_type in {} if found is None else {**found[0].facts, DIGEST: "VARCHAR"}.items():
            made = f"{column}.{fact}"
            if spelling.folded(made) not in taken:
                asked.append(f"struct_extract({name(called[column])}, {text(fact)}) AS {name(made)}")
                types[made], about[made] = fact_type, column
    if not asked:
        return relation, dict(described), {}
    return f"SELECT *, {', '.join(asked)} FROM ({relation})", {**described, **types}, about


def media_of(described: Mapping[str, str]) -> dict[str, str]:
    """Returns the columns that are media, and of which type each is."""
    found = {column: medium_of(kind) for column, kind in described.items()}
    return {column: one[0].name for column, one in found.items() if one is not None}


def without_facts(columns: Iterable[str], about: Mapping[str, str]) -> list[str]:
    """Returns the columns that were selected: what a library measures decides nothing about a row."""
    return [column for column in columns if column not in about]
