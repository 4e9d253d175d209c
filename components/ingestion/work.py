"""The work of the step `ingest`: raw sources become Examples."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.folders import write_json, written_aside
from stellwerk.components.ingestion import engine, spelling
from stellwerk.components.ingestion.columns import Column, list_lengths, may_be_wide, measured, plan, select
from stellwerk.components.ingestion.files import Found, find
from stellwerk.components.ingestion.identity import check_read, check_steady
from stellwerk.components.ingestion.labelling import labelled
from stellwerk.components.ingestion.manifest import Counts, Fingerprint, SourceRows, fingerprint, manifest
from stellwerk.components.ingestion.meaning import Uses, meant
from stellwerk.components.ingestion.media.contents import Contents, opened
from stellwerk.components.ingestion.media.unfolding import unfolded
from stellwerk.components.ingestion.quarantine import Quarantine
from stellwerk.components.ingestion.requirements import (
    check_bad_rows,
    check_book_keeping,
    check_columns,
    check_splits,
    check_target,
)
from stellwerk.components.ingestion.seasons import Seasons
from stellwerk.components.ingestion.sources import Request, Table, read
from stellwerk.components.ingestion.splitting import Deal, by_column, by_hash, by_time, moments, quantile_moments
from stellwerk.components.ingestion.staging import stage
from stellwerk.components.ingestion.windows import Windower, prepared, refuse_none
from stellwerk.components.ingestion.writing import Framing, Job, Written, write
from stellwerk.errors import DataError, StepFailed
from stellwerk.progress import Progress, silent
from stellwerk.spec.data import ColumnSplit, Data, HashSplit, TimeSplit, Windows
from stellwerk.spec.features.patterns import Names, has_signs
from stellwerk.spec.target import Target
from stellwerk.stores.fetching import remove_unused
from stellwerk.stores.reading import InPlace, told


def ingest(
    *,
    data: Data,
    directory: Path,
    numbers: list[str],
    target: Target,
    examples: Path,
    identity: dict[str, str] | None = None,
    progress: Progress = silent,
    kept: Path | None = None,
    codes: list[str] | None = None,
    named: list[str] | None = None,
    expected: dict[str, list[str]] | None = None,
) -> None:
    """Reads the sources, joins them, splits the rows and writes the Examples artifact to folder `examples`, whole or not at all.

    Paths of sources start at `directory`; `numbers` are the columns that must be numbers, `codes` those
    whose numbers must be whole, and `named` all that the spec names; they may be patterns. Objects of other places are copied
    to `kept`, where unchanged ones are found again, or beside the output, or are read in place. The same bytes and settings, wherever they lie,
    give the same bytes and the same version. Memory does not grow with the rows: what is larger than 512 MB goes to disk,
    beside the output. Raises DataError when the data cannot be used, when a file is changed while it is read, and when what was
    read is not what `identity` says of each source (see `identities`) or `expected` of each file (see `keyed`); StepFailed when
    the disk is full.
    """
    with _failures_told(examples), written_aside(examples) as aside:
        scratch = aside / ".scratch"
        scratch.mkdir()
        try:
            with (
                closing(engine.connect(scratch)) as connection,
                _quarantine(aside, scratch) as bad,
                opened(scratch) as contents,
            ):
                uses = Uses.of(numbers, codes or (), named or (), target)
                where = (Path(directory), aside, scratch, kept)
                work = _Ingestion(connection, data, uses, target, *where, bad, contents, progress)
                work.run(identity, expected)
            if kept is not None:
                remove_unused(kept)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _quarantine(aside: Path, scratch: Path) -> Quarantine:
    return Quarantine(aside / "quarantine" / "rows.jsonl", scratch)


@contextmanager
def _reading_in_place(connection: duckdb.DuckDBPyConnection, files: list[InPlace]) -> Iterator[None]:
    """Lets SQL read objects where they lie, and tells why one could not be read."""
    if not files:
        yield
        return
    from stellwerk.stores.sql import served  # noqa: PLC0415 - only who reads in place needs it

    with told(files), served(connection, files):
        yield


@contextmanager
def _failures_told(examples: Path) -> Iterator[None]:
    """Makes errors of the disk and of the engine errors that say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in engine.NO_SPACE:
            raise
        raise _disk_full(examples, str(error)) from None
    except duckdb.OutOfMemoryException as error:
        raise StepFailed(
            f"ingest: the query needs more than {engine.MEMORY} of memory, and the disk beside {examples} does not hold "
            f"the rest: {engine.plain(error)} Free some space, or make the query smaller."
        ) from None
    except duckdb.Error as error:
        full = engine.disk_full(error)
        if full is not None:
            raise _disk_full(examples, full) from None
        raise DataError(f"ingest: {engine.plain(error)} Check the sources and data.query.") from None


def _disk_full(examples: Path, message: str) -> StepFailed:
    return StepFailed(f"ingest: the disk is full while writing {examples}: {message}. Free some space and run again.")


@dataclass(frozen=True)
class _Taken:
    """A source: how many rows it has, and the files behind its view, or what was written of it."""

    rows: int
    paths: tuple[str, ...] = ()
    written: tuple[list[Column], Written] | None = None


@dataclass
class _Ingestion:
    connection: duckdb.DuckDBPyConnection
    data: Data
    uses: Uses
    target: Target
    directory: Path
    root: Path
    scratch: Path
    kept: Path | None
    quarantine: Quarantine
    contents: Contents
    progress: Progress
    rows: dict[str, SourceRows] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    """Own names of the sources' columns that SQL calls otherwise."""

    def run(self, identity: dict[str, str] | None, expected: dict[str, list[str]] | None) -> None:
        found = {
            name: find(name, source, self.directory, self.scratch, kept=self.kept, progress=self.progress)
            for name, source in self.data.sources.items()
        }
        try:
            with _reading_in_place(self.connection, [file for files in found.values() for file in files.in_place]):
                prints = self._ingest(found)
        except Exception:
            check_steady(found, self.directory)  # what was changed is why, whatever the readers made of it
            raise
        check_steady(found, self.directory)
        check_read(found, prints, self.directory, identity, expected)

    def _ingest(self, found: dict[str, Found]) -> dict[str, Fingerprint]:
        with ThreadPoolExecutor(1, thread_name_prefix="digests") as pool:
            prints: dict[str, Future[Fingerprint]] = {
                name: pool.submit(fingerprint, files) for name, files in found.items()
            }
            columns, written = self._read(found)
            counts = self._counts(written)
            check_book_keeping(counts)
            check_bad_rows(self.data, self.rows, written, self.quarantine)
            check_target(self.target, written, self.quarantine)
            check_splits(self.data.split, written)
            digests = {name: future.result() for name, future in prints.items()}
        content = manifest(
            data=self.data,
            columns=columns,
            written=written,
            counts=counts,
            rows=self.rows,
            prints=digests,
            quarantine=self.quarantine,
        )
        write_json(self.root / "dataset.json", content)
        return digests

    def _counts(self, written: Written) -> Counts:
        rejected = sum(rows.rejected for rows in self.rows.values())
        if written.windows is not None:  # rows are taken apart, and no example is a row
            return Counts(written.rows, written.rows - written.bad, written.bad, rejected)
        if self.data.query is None:
            return Counts(written.rows + rejected, written.written, self.quarantine.rows, 0)
        return Counts(written.rows, written.written, self.quarantine.rows - rejected, rejected)

    def _read(self, found: dict[str, Found]) -> tuple[list[Column], Written]:
        """Writes the rows while their only source is read where that can be; else makes every source a view first."""
        readable: list[str] = []
        for name, files in found.items():
            table, taken = read(files.format, self._request(name, files), partial(self._take, name, files))
            self._account(name, table, taken.rows)
            if taken.written is not None:
                where = table.lines() if self.data.query is None and self.quarantine.holds else None
                self.quarantine.release(where)
                return taken.written
            readable += taken.paths
        columns, written = self._write(self._over_views(readable), "query" if self.data.query else next(iter(found)))
        self.quarantine.release(None)
        return columns, written

    @property
    def _one_pass(self) -> bool:
        """Whether rows can be written while they are read: not of several sources, nor before the times to cut at are known."""
        split = self.data.split
        sorts = self.data.windows is not None or (isinstance(split, TimeSplit) and moments(split) is None)
        return len(self.data.sources) == 1 and not sorts

    def _request(self, name: str, found: Found) -> Request:
        straight = self._one_pass and self.data.query is None
        numbers = self.uses.numbers.without(self.data.sources[name].types) if straight else Names()
        return Request(
            self.connection, name, self.data.sources[name], found.files, self.scratch, numbers, contents=self.contents
        )

    def _take(self, name: str, found: Found, table: Table) -> tuple[int, _Taken]:
        """Writes the rows of a source, or makes it a view; returns how many it has, too."""
        relation = None
        self.own |= table.own
        if self._one_pass:
            self.quarantine.reset()  # of what a first attempt held
            relation = self._streamed(name, found, table)
        if relation is None:
            return self._stage(name, table)
        if self.data.query is not None:
            columns, written = self._write(relation, "query", total=table.rows, again=False)
        else:
            file = found.files[0].label if len(found.files) == 1 else None
            columns, written = self._write(relation, name, file, table.rows)
        return written.rows, _Taken(written.rows, written=(columns, written))

    def _streamed(self, name: str, found: Found, table: Table) -> str | None:
        """Returns the SELECT that can be written while the source is read: for a query, where it makes each row of one row."""
        if self.data.query is None:
            return table.sql
        if table.files:  # they are queried where they lie, and only the columns that are wanted
            return None
        self.connection.execute(f"CREATE OR REPLACE VIEW {engine.name(name)} AS {table.sql}")
        engine.confine(self.connection, [file.address for file in found.files], self.scratch)
        query = engine.check_query(self.connection, self.data.query)
        try:
            if not engine.is_row_by_row(self.connection, query, name):
                return None
            if may_be_wide(engine.describe(self.connection, f"SELECT * FROM ({query})")):
                return None
        except duckdb.Error:  # a type may have been guessed wrong: told once all is read
            return None
        engine.settle(self.connection, whole_rows=True)
        return query

    def _over_views(self, readable: list[str]) -> str:
        """Returns the SELECT over the sources, which are views of the files `readable`; nothing else can be read any more."""
        engine.confine(self.connection, readable, self.scratch)
        query = self.data.query
        if query is None:
            relation = f"SELECT * FROM {engine.name(next(iter(self.data.sources)))}"
        else:
            relation = engine.check_query(self.connection, query)
        try:
            in_order = engine.keeps_order(self.connection, relation)
        except duckdb.Error as error:
            raise self._query_error(error) from None
        engine.settle(self.connection, threads=None if in_order else 1)
        return relation

    def _query_error(self, error: duckdb.Error) -> DataError:
        return engine.query_error(error, spelling.told(self.own))

    def _stage(self, name: str, table: Table) -> tuple[int, _Taken]:
        """Makes a source a view."""
        rows, paths = stage(self.connection, name, table, self.scratch)
        return rows, _Taken(rows, paths)

    def _account(self, name: str, table: Table, rows: int) -> None:
        """Notes how many rows a source has; raises StepFailed when the format says another number."""
        if table.rows is not None and table.rows != rows:
            raise StepFailed(
                f"{name}: {rows:,} rows were read of {table.rows:,} that the files have. Report this as a defect."
            )
        self.quarantine.look_for_words[name] = table.words
        before = self.quarantine.rows
        for reject in table.rejects():
            self.quarantine.add(reject)
        if self.quarantine.rows > before:
            for column, texts in table.texts().items():
                self.quarantine.note_texts(column, texts)
        self.rows[name] = SourceRows(rows, self.quarantine.rows - before, table.told)

    def _write(
        self, relation: str, source: str, file: str | None = None, total: int | None = None, *, again: bool = True
    ) -> tuple[list[Column], Written]:
        """Writes the rows of a SELECT; `again` says whether it may be run a second time, to measure a column first."""
        try:
            relation, described, facts = unfolded(*spelling.result(self.connection, relation, self.own))
        except duckdb.Error as error:
            if self.data.query is None:
                raise
            raise self._query_error(error) from None
        relation, described = labelled(relation, described, self.uses.labels)
        check_columns(described, self.data, self.target, [each for each in self.uses.numbers if not has_signs(each)])
        numbers = [column for column in described if column in self.uses.numbers]
        wide = measured(self.connection, described, relation) if again else {}
        lengths = list_lengths(self.connection, described, relation, self.uses.named)
        columns = meant(plan(described, numbers, wide, facts, lengths), described, self.uses)
        windows = self.data.windows
        if windows is not None:
            return self._write_windows(windows, columns, relation, source)
        deal, undealt = self._deal(columns, relation)
        job = Job(
            root=self.root,
            columns=columns,
            target=self.target.column,
            named=self.uses.named,
            deal=deal,
            undealt=undealt,
            source=source,
            file=file,
            quarantine=self.quarantine,
            contents=self.contents,
            progress=self.progress,
            total=total,
        )
        return columns, write(self.connection, relation, job)

    def _write_windows(
        self, windows: Windows, columns: list[Column], relation: str, source: str
    ) -> tuple[list[Column], Written]:
        """Writes the windows of the rows of a SELECT."""
        cut = self._moments(columns, relation)
        made, relation, step = prepared(self.connection, columns, relation, windows)
        seasons = None
        if windows.past_columns and windows.future_columns:
            column = (
                self.target.past_column if self.target.past_column in windows.past_columns else windows.past_columns[0]
            )
            seasons = Seasons(column, windows.past, cut[0] if cut else float("inf"))
        scalar = "" if self.target.about.many else self.target.column
        windower = Windower(windows, made, step, scalar, seasons)
        split = self.data.split
        deal = by_hash(split, list(windows.key)) if isinstance(split, HashSplit) else None
        if isinstance(split, ColumnSplit):
            deal = by_column(split, next(column.kind for column in columns if column.name == split.column))
        job = Job(
            root=self.root,
            columns=columns,
            target=self.target.column,
            named=self.uses.named,
            deal=deal or (lambda batch: np.zeros(batch.num_rows, np.int8)),
            undealt="",
            source=source,
            file=None,
            quarantine=self.quarantine,
            contents=self.contents,
            progress=self.progress,
            total=None,
            windows=Framing(windower, cut),
        )
        written = write(self.connection, relation, job)
        windower.finish()
        refuse_none(windower, windows)
        found = {**vars(windower.counted), "said": windower.counted.sentences(windows)}
        season = seasons.found() if seasons is not None else None
        written.windows = {**windows.model_dump(mode="json"), "step": step, "season": season, "counts": found}
        return made, written

    def _moments(self, columns: list[Column], relation: str) -> tuple[float, float] | None:
        """Returns the moments at which a split by time cuts; None for another split."""
        split = self.data.split
        if not isinstance(split, TimeSplit):
            return None
        divided = next(column for column in columns if column.name == split.column)
        self._check_order(divided.kind, split.column)
        found = moments(split) or quantile_moments(self.connection, select(columns, relation), split, divided.called)
        if found is None:
            raise DataError.of_key(
                "data.split",
                f"the times in '{split.column}' cannot be cut at the shares {split.train}, {split.eval}, "
                f"{split.test}: too few different times. Use another column or split by hash.",
            )
        return found

    def _check_order(self, kind: str, column: str) -> None:
        if not COLUMN_TYPES[kind].number:
            raise DataError.of_key(
                "data.split.column",
                f"'{column}' is of type {kind}; a split by time needs a number or a timestamp. "
                "Give the source `types`, or convert the column in data.query.",
            )

    def _deal(self, columns: list[Column], relation: str) -> tuple[Deal, str]:
        """Returns how rows are dealt, and the reason of those that no split takes."""
        split = self.data.split
        if isinstance(split, HashSplit):
            return by_hash(split, [column.name for column in columns if not column.fact]), ""
        if isinstance(split, ColumnSplit):
            kind = next(column.kind for column in columns if column.name == split.column)
            return by_column(split, kind), f"{split.column}: a value that names no split"
        found = self._moments(columns, relation)
        if found is None:
            raise AssertionError(split)
        return by_time(split, *found), f"{split.column}: the time is missing"
