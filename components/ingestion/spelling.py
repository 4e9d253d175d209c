"""What SQL calls columns: it takes `Age` and `age` for the same name, and files have both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import duckdb

from stellwerk.components.ingestion import engine

_LOWER = str.maketrans({letter: letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})


def folded(name: str) -> str:
    """Returns a name as SQL compares it: the case of other letters than A to Z counts."""
    return name.translate(_LOWER)


def called(names: Iterable[str]) -> dict[str, str]:
    """Returns what SQL calls each of some names, that are all different: the name, and where another differs by case only, the name with a number.

    Both get a number: SQL would take the one for the other without a word.
    """
    names = list(names)
    often = Counter(map(folded, names))
    taken = set(often)
    found = {}
    for name in names:
        inner, number = name, 0
        while often[folded(name)] > 1 and folded(inner) in taken:
            number += 1
            inner = f"{name}_{number}"
        taken.add(folded(inner))
        found[name] = inner
    return found


def renamed(names: Iterable[str]) -> dict[str, str]:
    """Returns the own name of each column that SQL calls otherwise."""
    return {inner: name for name, inner in called(names).items() if inner != name}


def told(own: Mapping[str, str]) -> str:
    """Returns a sentence about columns that SQL calls otherwise; `own` has the own name of each."""
    listed = ", ".join(f"'{name}' is {engine.name(inner)}" for inner, name in own.items())
    return f"SQL does not tell upper from lower case, so in data.query {listed}." if own else ""


def result(connection: duckdb.DuckDBPyConnection, relation: str, own: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Returns a SELECT whose columns SQL calls as `called` says, and the SQL type of each, by the column's own name.

    `own` has the own names of the sources' columns that SQL calls otherwise: where `relation` passes those on, they have them
    again. Raises duckdb.Error where `relation` is wrong.
    """
    written = [row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall()]
    given = engine.describe(connection, f"SELECT * FROM ({relation})")
    often = Counter(written)
    names = [name if often[name] == 1 else other for name, other in zip(written, given, strict=True)]
    names = [_own(name, own, names) for name in names]
    inner = called(names)
    if list(inner.values()) != list(given):
        listed = ", ".join(map(engine.name, inner.values()))
        relation = f"SELECT * FROM ({relation}) AS result({listed})"
    return relation, dict(zip(names, given.values(), strict=True))


def _own(name: str, own: Mapping[str, str], names: Collection[str]) -> str:
    found = own.get(name, name)
    return name if found in names else found
