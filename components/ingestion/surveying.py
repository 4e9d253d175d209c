"""What is in every column of a file, over all its rows: how many values, how many different ones, what they look like.

`probing.py` looks at the first rows to say whether a spec fits. Here there is no spec yet, and what decides (is this an id, does
it repeat, which classes are there) shows in all rows only. The sources' own readers read, so that a spec made from this reads the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow.parquet as pq

from stellwerk.columns import DIGEST, OF_SQL
from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.files import find
from stellwerk.components.ingestion.media.contents import opened, with_contents
from stellwerk.components.ingestion.media.unfolding import media_of
from stellwerk.components.ingestion.probing import BEGINNINGS
from stellwerk.components.ingestion.sources import Request, Table, in_own_words, read
from stellwerk.errors import DataError, UsageError
from stellwerk.machine import available_cores
from stellwerk.spec.data import Source
from stellwerk.spec.places import is_here
from stellwerk.tables.formats import FORMATS

Kind = Literal["integer", "number", "boolean", "time", "text", "nested", "bytes"]

TABLE, SAMPLE = "surveyed", "sampled"
"""The rows, and at most 20,000 of them, for what compares columns with each other."""
MOST_SAMPLED = 20_000
READABLE_BYTES = 256 << 20
"""Larger sources are judged by their first rows."""
SAMPLE_ROWS = 200_000
SAMPLE_BYTES = 64 << 20
_AT_ONCE = 50
"""Columns that one query measures."""

_SELDOM = ("BIGNUM", "INTERVAL", "NULL", "BIT")
"""Types of queries rather than of files: a first spec leaves such a column out, as a nested one."""


@dataclass(frozen=True)
class ColumnSurvey:
    """What all rows say of one column. Measures that do not suit its kind are None."""

    name: str
    kind: Kind
    sql_type: str
    quoted: str
    """What SQL calls it, in quotes."""
    filled: int
    """Rows with a value; NaN is none."""
    distinct: int
    least: Any = None
    most: Any = None
    mean: float | None = None
    median: float | None = None
    deviation: float | None = None
    length: float | None = None
    """Characters of a text, on average."""
    words: float | None = None
    numeric: int | None = None
    """Texts that are numbers."""


@dataclass(frozen=True)
class Survey:
    """A source that was read into a table, and what its columns are like. Usable while its block runs."""

    connection: duckdb.DuckDBPyConnection
    rows: int
    whole: bool
    """Whether these are all rows; of a very large source they are the first."""
    format: str
    columns: tuple[ColumnSurvey, ...]
    media: tuple[str, ...] = ()
    """Columns of pictures, of which only the beginnings are in the table, and those of some stand for all."""

    @property
    def table(self) -> str:
        """What SQL calls the table of the rows."""
        return TABLE

    @property
    def sampled(self) -> int:
        """Rows of the table `sampled`."""
        return min(self.rows, MOST_SAMPLED)

    def column(self, name: str) -> ColumnSurvey:
        """Returns the column called `name`."""
        return next(column for column in self.columns if column.name == name)

    def common(self, column: str, limit: int = 20) -> list[tuple[Any, int]]:
        """Returns the most frequent values of a column and how often each occurs, missing ones left out."""
        quoted = self.column(column).quoted
        return self.ask(
            f"SELECT {quoted}, count(*) AS n FROM {TABLE} WHERE {quoted} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {limit}"
        )

    def share(self, column: str, condition: str) -> float:
        """Returns in which share of a column's values, in the sample, an SQL condition on `{}`, the column, holds."""
        quoted = self.column(column).quoted
        ((found, filled),) = self.ask(
            f"SELECT count(*) FILTER (WHERE {condition.replace('{}', quoted)}), count({quoted}) FROM {SAMPLE}"
        )
        return found / filled if filled else 0.0

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Returns the rows of a query over the table `surveyed`."""
        return self.connection.execute(sql).fetchall()


@contextmanager
def survey(name: str, source: Source, directory: Path) -> Iterator[Survey]:
    """Reads a source and measures its columns; paths start at `directory`.

    Raises DataError for what is wrong with the files, UsageError for TFRecord files, whose columns only a run sees.
    """
    with tempfile.TemporaryDirectory(prefix="stellwerk-survey-") as folder:
        scratch = Path(folder)
        far = any(not is_here(path) for path in source.paths)
        found = find(name, source, directory, scratch, SAMPLE_BYTES if far else None)
        if not FORMATS[found.format].at_a_glance:
            raise UsageError(
                f"{name}: the columns of {FORMATS[found.format].title} files show when they are read. Write their spec by hand."
            )
        large = sum(file.size for file in found.files) > READABLE_BYTES
        rows_are_files = bool(FORMATS[found.format].media)
        with closing(engine.connect(scratch)) as connection, opened(scratch, BEGINNINGS) as contents:
            glance = SAMPLE_BYTES if large or rows_are_files else 0
            request = Request(connection, name, source, found.files, scratch, glance=glance)
            limit = SAMPLE_ROWS if large else None
            media: tuple[str, ...] = ()
            try:
                if rows_are_files:
                    large = False  # of all files the names are known
                    rows, own, media = _staged_media(found.format, replace(request, listed=True, contents=contents))
                else:
                    rows, own = _staged(found.format, request, limit)
                engine.confine(connection, ())
                engine.settle(connection, threads=available_cores())
                connection.execute(
                    f"CREATE TABLE {SAMPLE} AS SELECT * FROM {TABLE} USING SAMPLE reservoir({MOST_SAMPLED} ROWS) REPEATABLE (42)"
                )
                columns = _measured(connection, engine.describe(connection, f"SELECT * FROM {TABLE}"), own)
            except duckdb.Error as error:
                raise DataError.of_source(name, f"{in_own_words(request, error)}") from None
            yield Survey(connection, rows, not large and not found.cut, found.format, columns, media)


def _staged(kind: Any, request: Request, limit: int | None) -> tuple[int, Mapping[str, str]]:
    """Makes the table of a source's rows that parse; returns how many these are, and own names that SQL does not use."""
    bound = f" LIMIT {limit}" if limit else ""

    def consume(table: Table) -> tuple[int, int]:
        staged = f"CREATE OR REPLACE TABLE {TABLE} AS SELECT * FROM ({table.sql})"
        row = engine.first_row(request.connection, staged + ("" if FORMATS[kind].cuts_itself else bound))
        rows = int(row[0]) if row else 0
        return rows, rows

    table, rows = read(kind, request, consume)
    return rows, table.own


def _staged_media(kind: Any, request: Request) -> tuple[int, Mapping[str, str], tuple[str, ...]]:
    """Makes the table of what a first spec's query gives of files that are rows, with the beginnings of pictures in their place."""

    def consume(table: Table) -> tuple[int, int]:
        return table.rows or 0, table.rows or 0

    table, rows = read(kind, request, consume)
    query = FORMATS[kind].begun_with.format(f"({table.sql})")
    media = media_of(engine.describe(request.connection, query))
    digests = ", ".join(
        f"CAST(struct_extract({engine.name(column)}, {engine.text(DIGEST)}) AS BLOB) AS {engine.name(column)}"
        for column in media
    )
    staged = request.connection.sql(f"SELECT * REPLACE ({digests}) FROM ({query})").to_arrow_table()
    assert request.contents is not None  # noqa: S101 - given above
    path = request.scratch / "beginnings.parquet"
    pq.write_table(with_contents(staged, list(media), request.contents), path)
    known = f"read_parquet({engine.text(str(path))})"
    alike = ", ".join(
        f"coalesce({one}, (SELECT any_value({one}) FROM {known})) AS {one}" for one in map(engine.name, media)
    )
    request.connection.execute(f"CREATE OR REPLACE TABLE {TABLE} AS SELECT * REPLACE ({alike}) FROM {known}")
    return rows, table.own, tuple(media)


def _measured(
    connection: duckdb.DuckDBPyConnection, types: dict[str, str], own: Mapping[str, str]
) -> tuple[ColumnSurvey, ...]:
    found = []
    names = list(types)
    for start in range(0, len(names), _AT_ONCE):
        chosen = {name: types[name] for name in names[start : start + _AT_ONCE]}
        measures = [_measures(name, kind_of(sql_type)) for name, sql_type in chosen.items()]
        row = engine.first_row(
            connection, f"SELECT {', '.join(sql for one in measures for sql in one.values())} FROM {TABLE}"
        )
        values = iter(row or ())
        for (name, sql_type), one in zip(chosen.items(), measures, strict=True):
            measured = {key: next(values) for key in one}
            found.append(
                ColumnSurvey(own.get(name, name), kind_of(sql_type), sql_type, quoted=engine.name(name), **measured)
            )
    return tuple(found)


def _measures(column: str, kind: Kind) -> dict[str, str]:
    """Returns the SQL of each measure that suits a column."""
    quoted = engine.name(column)
    if kind in ("nested", "bytes"):
        return {"filled": f"count({quoted})", "distinct": "0"}
    value = f"CASE WHEN isfinite({quoted}) THEN {quoted} END" if kind == "number" else quoted
    asked = {
        "filled": f"count({value})",
        "distinct": f"count(DISTINCT {value})",
        "least": f"min({value})",
        "most": f"max({value})",
    }
    if kind in ("number", "integer"):
        asked |= {
            "mean": f"avg({value}::DOUBLE)",
            "median": f"median({value}::DOUBLE)",
            "deviation": f"stddev_pop({value}::DOUBLE)",
        }
    if kind == "text":
        text = f"{quoted}::VARCHAR"
        asked |= {
            "length": f"avg(length({text}))",
            "words": f"avg(length(trim({text})) - length(replace(trim({text}), ' ', '')) + 1)",
            "numeric": f"count(*) FILTER (WHERE TRY_CAST({text} AS DOUBLE) IS NOT NULL)",
        }
    return asked


def kind_of(sql_type: str) -> Kind:
    """Returns what kind of values a type of SQL holds."""
    base = "" if sql_type.endswith("]") else sql_type.split("(", 1)[0].strip('"').split(" ", 1)[0]
    if base in ("DATE", "TIMESTAMP") or base.startswith("TIMESTAMP"):
        return "time"
    if base == "BOOLEAN":
        return "boolean"
    return OF_SQL[base].surveyed if base in OF_SQL and base not in _SELDOM else "nested"
