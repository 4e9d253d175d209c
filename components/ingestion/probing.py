"""A quick look at the data before anything runs: columns, types, and some values. Needs no TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.columns import Column, plan, select
from stellwerk.components.ingestion.files import Found, find
from stellwerk.components.ingestion.sources import MisreadError, Request, open_table
from stellwerk.components.ingestion.splitting import as_column_value
from stellwerk.errors import DataError
from stellwerk.spec.data import Data, Format
from stellwerk.spec.places import is_here

SAMPLE_ROWS = 10_240
SAMPLE_BYTES = 4 << 20
READABLE_BYTES = 256 << 20
"""Sources that are larger together are not read to the end just to look for a value."""


@dataclass(frozen=True)
class Values:
    """Different values of a column."""

    found: tuple[Any, ...]
    complete: bool
    """Whether these are all there are."""


@dataclass(frozen=True)
class Probe:
    """What a look at the first rows of the data shows."""

    columns: dict[str, str]
    """Type of each column as it will be in Examples: a key of `COLUMN_TYPES`. Empty where `seen` is False."""
    not_numbers: dict[str, str]
    """Columns wanted as numbers that hold other texts, more than `max_bad_share` allows: one such text each."""
    complete: bool
    """Whether the sample holds all rows."""
    seen: bool = True
    """False for TFRecord files, whose columns only the run can see."""
    sample: pa.Table | None = field(default=None, repr=False)
    data: Data | None = field(default=None, repr=False)
    directory: Path = field(default=Path(), repr=False)

    def values(self, column: str, limit: int = 100) -> Values:
        """Returns up to `limit` different values of a column, missing ones left out.

        Looks in the sample, and if there are fewer than `limit`, in all the data unless that is very large.
        """
        if self.sample is None or column not in self.columns:
            return Values((), complete=False)
        known = pc.unique(self.sample[column]).drop_null().to_pylist()[:limit]
        if self.complete or len(known) >= limit or self.data is None:
            return Values(tuple(known), complete=self.complete and len(known) < limit)
        found = _all_values(self.data, self.directory, column, limit)
        return Values(tuple(known), complete=False) if found is None else Values(found, complete=len(found) < limit)

    def absent(self, column: str, wanted: Iterable[str]) -> tuple[str, ...]:
        """Returns which of the texts `wanted` are surely no value of the column; what cannot be told is left out."""
        kind = self.columns.get(column)
        if kind is None:
            return ()
        sought = {word: as_column_value(kind, word) for word in wanted}
        if self.sample is not None and set(sought.values()) <= set(pc.unique(self.sample[column]).to_pylist()):
            return ()
        values = self.values(column, 10_000)
        return tuple(word for word, value in sought.items() if value not in values.found) if values.complete else ()


def probe(data: Data, directory: Path, numbers: list[str]) -> Probe:
    """Looks at the first rows of the data; paths start at `directory`, `numbers` are the columns wanted as numbers.

    Raises DataError for what is wrong with a source, a header, or the query.
    """
    with tempfile.TemporaryDirectory(prefix="stellwerk-probe-") as folder:
        scratch = Path(folder)
        found = {name: find(name, source, directory, scratch, SAMPLE_BYTES) for name, source in data.sources.items()}
        if any(files.format == "tfrecord" for files in found.values()):
            return Probe({}, {}, complete=False, seen=False)
        with closing(engine.connect(scratch)) as connection:
            staged = {
                name: _stage(
                    Request(connection, name, data.sources[name], files.files, scratch, glance=True), files.format
                )
                for name, files in found.items()
            }
            columns, relation = _result(connection, data, numbers)
            try:
                sample = connection.sql(f"{select(columns, relation)} LIMIT {SAMPLE_ROWS}").to_arrow_table()
            except duckdb.Error as error:
                raise engine.query_error(error) from None
        complete = (
            all(staged.values()) and sample.num_rows < SAMPLE_ROWS and all(_is_whole(files) for files in found.values())
        )
    kinds, not_numbers = _kinds(columns, sample, data.max_bad_share)
    return Probe(kinds, not_numbers, complete, sample=sample, data=data, directory=directory)


def _is_whole(found: Found) -> bool:
    """Tells whether a sample may hold all rows: no file was cut when it was fetched or unpacked."""
    return not found.cut and all(file.readable == file.origin or file.size < SAMPLE_BYTES for file in found.files)


def _stage(request: Request, kind: Format) -> bool:
    """Makes a table of a source, only of its first rows when the request is for a glance; returns whether it has all."""
    limit = f" LIMIT {SAMPLE_ROWS}" if request.glance else ""
    try:
        table = open_table(kind, request)
        row = engine.first_row(
            request.connection, f"CREATE TABLE {engine.name(request.name)} AS SELECT * FROM ({table.sql}){limit}"
        )
    except MisreadError:
        first = request.files[0].label
        raise DataError(f"{request.name}: {first}: not every line is an object. Look at its first lines.") from None
    except duckdb.Error as error:
        raise DataError(f"{request.name}: {engine.plain(error)}") from None
    return not request.glance or (int(row[0]) if row else 0) < SAMPLE_ROWS


def _result(connection: duckdb.DuckDBPyConnection, data: Data, numbers: list[str]) -> tuple[list[Column], str]:
    engine.confine(connection, ())
    engine.settle(connection, threads=1)
    if data.query is None:
        relation = f"SELECT * FROM {engine.name(next(iter(data.sources)))}"
    else:
        relation = engine.check_query(connection, data.query)
    try:
        return plan(engine.describe(connection, f"SELECT * FROM ({relation})"), numbers), relation
    except duckdb.Error as error:
        raise engine.query_error(error) from None


def _kinds(columns: list[Column], sample: pa.Table, share: float) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the type of each column, and a text for each that is wanted as a number and is none."""
    kinds = {column.name: column.kind for column in columns}
    not_numbers: dict[str, str] = {}
    from_text = [column.name for column in columns if column.from_text]
    for column, texts in zip(from_text, sample.columns[len(columns) :], strict=True):
        bad = pc.and_(pc.is_null(sample[column]), pc.is_valid(texts))
        if (pc.sum(bad).as_py() or 0) > share * sample.num_rows:
            kinds[column] = "string"
            not_numbers[column] = texts.filter(bad)[0].as_py()
    return kinds, not_numbers


def _all_values(data: Data, directory: Path, column: str, limit: int) -> tuple[Any, ...] | None:
    """Returns up to `limit` different values in all the data; None when that is too much to read, or lies elsewhere."""
    if any(not is_here(path) for source in data.sources.values() for path in source.paths):
        return None
    with tempfile.TemporaryDirectory(prefix="stellwerk-probe-") as folder:
        scratch = Path(folder)
        found = {name: find(name, source, directory, scratch) for name, source in data.sources.items()}
        if sum(file.size for files in found.values() for file in files.files) > READABLE_BYTES:
            return None
        with closing(engine.connect(scratch)) as connection:
            try:
                for name, files in found.items():
                    _stage(Request(connection, name, data.sources[name], files.files, scratch), files.format)
                columns, relation = _result(connection, data, [])
                quoted = engine.name(column)
                rows = connection.execute(
                    f"SELECT DISTINCT {quoted} FROM ({select(columns, relation)}) WHERE {quoted} IS NOT NULL LIMIT {limit}"
                ).fetchall()
            except DataError:
                return None
    return tuple(row[0] for row in rows)
