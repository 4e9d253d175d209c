"""A quick look at the data before anything runs: columns, types, and some values. Needs no TensorFlow."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import COLUMN_TYPES, list_of
from stellwerk.components.ingestion import engine, spelling
from stellwerk.components.ingestion.columns import Column, is_nested, list_lengths, measured, plan, select
from stellwerk.components.ingestion.files import find, origins
from stellwerk.components.ingestion.judging import Judge, Judged
from stellwerk.components.ingestion.labelling import labelled
from stellwerk.components.ingestion.manifest import SourceRows
from stellwerk.components.ingestion.meaning import Uses, meant
from stellwerk.components.ingestion.media.contents import opened, with_contents
from stellwerk.components.ingestion.media.unfolding import unfolded
from stellwerk.components.ingestion.quarantine import Quarantine
from stellwerk.components.ingestion.sources import Lines, Request, Table, in_own_words, read
from stellwerk.components.ingestion.splitting import as_column_value
from stellwerk.components.ingestion.staging import stage
from stellwerk.errors import DataError, StepFailed
from stellwerk.spec.data import Data, Format
from stellwerk.spec.places import is_here
from stellwerk.tables.formats import FORMATS

SAMPLE_ROWS = 10_240
SAMPLE_BYTES = 4 << 20
CERTAIN = 0.5
"""Where more than this share of the first rows is bad, that is told though not all rows were looked at."""
BEGINNINGS = 64
"""Bytes of each picture that a sample has."""
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
    """Type of each column as it will be in Examples: a key of `stellwerk.columns.COLUMN_TYPES`. Empty where `seen` is False."""
    not_numbers: dict[str, str]
    """Columns wanted as numbers that hold other texts, more than `max_bad_share` allows: one such text each."""
    complete: bool
    """Whether the sample holds all rows."""
    seen: bool = True
    """False for TFRecord files, whose columns only the run can see."""
    sample: pa.Table | None = field(default=None, repr=False)
    data: Data | None = field(default=None, repr=False)
    directory: Path = field(default=Path(), repr=False)
    uses: Uses = field(default_factory=lambda: Uses.of([]), repr=False)
    nested: dict[str, str] = field(default_factory=dict)
    """SQL type of each column that holds lists or structs, which nothing can use."""
    advice: dict[str, str] = field(default_factory=dict)
    """What to do about each column of `not_numbers`, where something speaks for numbers."""
    refusal: DataError | None = None
    """What a run would say of the rows that do not parse or do not fit, where these are more than `max_bad_share` allows."""
    targets: dict[str, Counter[Any]] = field(default_factory=dict)
    """How often each value of the target occurs in each split; empty where not all rows were looked at."""
    notes: tuple[str, ...] = ()
    """What is no problem but good to know: how a file is read, and which rows will be set aside."""

    def values(self, column: str, limit: int = 100) -> Values:
        """Returns up to `limit` different values of a column, missing ones left out.

        Looks in the sample, and if there are fewer than `limit`, in all the data unless that is very large.
        """
        if self.sample is None or column not in self.columns:
            return Values((), complete=False)
        known = pc.unique(self.sample[column]).drop_null().to_pylist()[:limit]
        if self.complete or len(known) >= limit or self.data is None:
            return Values(tuple(known), complete=self.complete and len(known) < limit)
        found = _all_values(self.data, self.directory, self.uses, column, limit)
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


def probe(data: Data, directory: Path, numbers: list[str], target: str = "", uses: Uses | None = None) -> Probe:
    """Looks at the first rows of the data; paths start at `directory`, `numbers` are the columns wanted as numbers.

    `uses` says more of what the spec makes of the columns. Some megabytes of every source are read as a run reads them. Where more
    of their rows are bad than is allowed, or nearly so, all rows are looked at before anything is said, unless they are too many.
    Raises DataError for what is wrong with a source, a header, or the query.
    """
    uses = uses or Uses.of(numbers)
    windows = data.windows
    target = target if windows is None else ""  # a row without its value is a gap, and no row is a label
    look = _look(data, directory, uses, target, SAMPLE_BYTES)
    if look is None:
        return Probe({}, {}, complete=False, seen=False)
    judged = look.judged
    if not look.whole and judged.share > data.max_bad_share / 2 and _is_readable(data, directory):
        whole = _look(data, directory, uses, target, 0)
        judged = whole.judged if whole else judged
    certain = look.whole or judged is not look.judged or judged.share > CERTAIN
    kinds = {column.name: column.kind for column in look.columns}
    codes = {name for name in judged.not_numbers if kinds[name] == "int64"}

    kinds |= {name: "float" if name in codes else "string" for name in judged.not_numbers}
    sample = look.sample
    if windows is not None:
        for name in windows.columns or ():
            raw = windows.raw(name)
            if raw in kinds and COLUMN_TYPES[kinds[raw]].number and name not in kinds:
                sample = sample.append_column(name, sample[raw])
        kinds |= {
            name: list_of(windows.future)
            for name in windows.future_columns
            if windows.future and name in sample.column_names
        }
        kinds |= {
            name: list_of(windows.past)
            for name in windows.past_columns
            if name in kinds and COLUMN_TYPES[kinds[name]].number
        }
    complete = look.whole and look.sample.num_rows < SAMPLE_ROWS
    return Probe(
        kinds,
        {column: texts[0] for column, texts in judged.not_numbers.items() if column not in codes},
        complete,
        sample=sample,
        data=data,
        directory=directory,
        uses=uses,
        nested=look.nested,
        advice={column: advice for column, advice in judged.advice.items() if advice and column not in codes},
        refusal=judged.refusal if certain else None,
        targets=judged.targets if look.whole or judged is not look.judged else {},
        notes=(*look.notes, *([judged.note] if judged.note else [])),
    )


@dataclass(frozen=True)
class _Look:
    """What rows show."""

    columns: list[Column]
    nested: dict[str, str]
    sample: pa.Table
    whole: bool
    judged: Judged
    notes: tuple[str, ...]


def _look(data: Data, directory: Path, uses: Uses, target: str, glance: int) -> _Look | None:
    """Looks at about `glance` bytes of each source, or at all rows where it is 0; None for TFRecord files."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-probe-") as folder:
        scratch = Path(folder)
        found = {name: find(name, source, directory, scratch, glance or None) for name, source in data.sources.items()}
        if not all(FORMATS[files.format].at_a_glance for files in found.values()):
            return None
        with (
            closing(engine.connect(scratch)) as connection,
            Quarantine(scratch / "bad.jsonl", scratch) as bad,
            opened(scratch, BEGINNINGS) as contents,
        ):
            staged = {}
            for name, files in found.items():
                request = Request(
                    connection,
                    name,
                    data.sources[name],
                    files.files,
                    scratch,
                    glance=glance,
                    cut=files.cut,
                    contents=contents,
                )
                staged[name] = _stage(request, files.format, bad)
            relation, described, facts = _result(connection, data, staged.values(), scratch)
            relation, described = labelled(relation, described, uses.labels)
            labels = [file.label for one in found.values() for file in one.files]
            alone = len(labels) == 1 and data.query is None
            lines = next(iter(staged.values())).lines if alone else None
            sources = {name: SourceRows(one.rows, one.rejected) for name, one in staged.items()}
            judge = Judge(connection, data, target, uses.named, relation, sources, bad, labels[0] if alone else None)
            wanted = [column for column, kind in described.items() if column in uses.numbers and not is_nested(kind)]
            try:
                lengths = list_lengths(connection, described, relation, uses.named)
                plain = plan(described, wanted, measured(connection, described, relation), facts, lengths)
                columns = meant(plain, described, uses)
                sample = connection.sql(f"{select(columns, relation)} LIMIT {SAMPLE_ROWS}").to_arrow_table()
                texts = sample.column_names[len(columns) :]
                sample = sample.rename_columns([*(column.name for column in columns), *texts])
                sample = with_contents(sample, [column.name for column in columns if column.medium], contents)
                judged = judge(columns, lines() if lines else None)
            except duckdb.Error as error:
                raise engine.query_error(error) from None
            whole = all(one.whole for one in staged.values()) and not any(files.cut for files in found.values())
    nested = {column: kind for column, kind in described.items() if is_nested(kind)}
    notes = [note for one in staged.values() for note in one.notes]
    if data.query is not None:
        notes += [f"{name}: {spelling.told(one.own)}" for name, one in staged.items() if one.own]
    return _Look(columns, nested, sample, whole, judged, tuple(notes))


@dataclass(frozen=True)
class _Staged:
    """A source whose rows were read: how many, and whether these are all."""

    rows: int
    rejected: int
    whole: bool
    lines: Callable[[], Lines | None]
    paths: tuple[str, ...]
    notes: tuple[str, ...]
    own: Mapping[str, str]
    """Own names of the columns that SQL calls otherwise."""


def _stage(request: Request, kind: Format, bad: Quarantine) -> _Staged:
    """Makes a view of a source, of its first rows when the request is for a glance, and notes what did not parse."""
    limit = SAMPLE_ROWS if request.glance and not FORMATS[kind].cuts_itself else None
    before = bad.rows

    def consume(table: Table) -> tuple[int, tuple[int, tuple[str, ...]]]:
        rows, paths = stage(request.connection, request.name, table, request.scratch, limit)
        return rows, (rows, paths)

    try:
        table, (rows, paths) = read(kind, request, consume)
        for reject in table.rejects():
            bad.add(reject)
        for column, texts in table.texts().items():
            bad.note_texts(column, texts)
    except duckdb.Error as error:
        raise DataError.of_source(request.name, f"{in_own_words(request, error)}") from None
    bad.look_for_words[request.name] = table.words
    return _Staged(
        rows,
        bad.rows - before,
        table.whole and (limit is None or rows < limit),
        table.lines,
        paths,
        table.notes,
        table.own,
    )


def _result(
    connection: duckdb.DuckDBPyConnection, data: Data, staged: Iterable[_Staged], scratch: Path
) -> tuple[str, dict[str, str], dict[str, str]]:
    """Returns the `spelling.result` of the query, `unfolded`; from here on SQL reads nothing but the views."""
    staged = list(staged)
    own = {inner: name for one in staged for inner, name in one.own.items()}
    engine.confine(connection, [path for one in staged for path in one.paths], scratch)
    engine.settle(connection, threads=1)
    if data.query is None:
        relation = f"SELECT * FROM {engine.name(next(iter(data.sources)))}"
    else:
        relation = engine.check_query(connection, data.query)
    try:
        return unfolded(*spelling.result(connection, relation, own))
    except duckdb.Error as error:
        raise engine.query_error(error, spelling.told(own)) from None


def _is_readable(data: Data, directory: Path) -> bool:
    """Tells whether all the data may be read for a look: it lies here, and is not very large."""
    if any(not is_here(path) for source in data.sources.values() for path in source.paths):
        return False
    there = [origin for name, source in data.sources.items() for origin in origins(name, source, directory)]
    return sum(origin.stat().st_size for origin in there if isinstance(origin, Path)) <= READABLE_BYTES


def _all_values(data: Data, directory: Path, uses: Uses, column: str, limit: int) -> tuple[Any, ...] | None:
    """Returns up to `limit` different values in all the data; None when that is too much to read, or lies elsewhere."""
    if not _is_readable(data, directory):
        return None
    with tempfile.TemporaryDirectory(prefix="stellwerk-probe-") as folder:
        scratch = Path(folder)
        found = {name: find(name, source, directory, scratch) for name, source in data.sources.items()}
        if sum(file.size for files in found.values() for file in files.files) > READABLE_BYTES:
            return None
        with closing(engine.connect(scratch)) as connection, Quarantine(scratch / "bad.jsonl", scratch) as bad:
            try:
                staged = []
                for name, files in found.items():
                    request = Request(connection, name, data.sources[name], files.files, scratch)
                    staged.append(_stage(request, files.format, bad))
                relation, described, _ = _result(connection, data, staged, scratch)
                relation, described = labelled(relation, described, uses.labels)
                lengths = list_lengths(connection, described, relation, uses.named)
                plain = plan(described, [], measured(connection, described, relation), lengths=lengths)
                columns = meant(plain, described, uses)
                quoted = next(engine.name(one.called) for one in columns if one.name == column)
                rows = connection.execute(
                    f"SELECT DISTINCT {quoted} FROM ({select(columns, relation)}) WHERE {quoted} IS NOT NULL LIMIT {limit}"
                ).fetchall()
            except (DataError, StepFailed, duckdb.Error):
                return None
    return tuple(row[0] for row in rows)
