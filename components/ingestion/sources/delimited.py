"""CSV. Types are inferred, and a delimiter that the whole beginning agrees on; quotes are not: a guess there turns one bad row into another table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import duckdb

from stellwerk.components.ingestion import engine, spelling
from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.sources import types
from stellwerk.components.ingestion.sources.base import Lines, MisreadError, Reject, Request, Table
from stellwerk.components.ingestion.sources.lines import Counted, LineCount, expected_rows, rows_of
from stellwerk.components.ingestion.sources.plain import Plain, missing_words, plain_files
from stellwerk.errors import DataError, did_you_mean
from stellwerk.showing import listed
from stellwerk.spec.data import Source
from stellwerk.stores.reading import InPlace
from stellwerk.tables.dialect import DELIMITERS, Dialect, written
from stellwerk.tables.numerals import plain_mark

SAMPLE_ROWS = 10_240
BUFFER = 8_000_000
"""A file below this many bytes is read in one piece."""

_PLACE = "(CASE error_type WHEN 'CAST' THEN 1e6 ELSE 0 END) + coalesce(column_idx, 0)"
"""Of several errors of a row the first counts, and its shape before its values."""

REASONS = {
    "MISSING COLUMNS": "too few values",
    "TOO MANY COLUMNS": "too many values",
    "UNQUOTED VALUE": "a quote inside a value, or one that is not closed",
    "LINE SIZE OVER MAXIMUM": "longer than 2 MB",
    "INVALID STATE": "quotes and values do not alternate",
}


def open_table(request: Request) -> Table:
    """Opens CSV files: those that are written the same way in one go, the others by column name."""
    plain = plain_files(request)
    layouts = _layouts(request, plain)
    called = spelling.called(layouts[0][0].names)
    columns = _types(request, layouts, called)
    tag = f"{request.name}_{int(request.careful)}"
    parts = [
        _Part(request, dialect, files, {name: columns[name] for name in dialect.names}, called, f"{tag}_{number}")
        for number, (dialect, files) in enumerate(layouts)
    ]
    listed = ", ".join(types.narrowed(called[name], kind, not request.glance) for name, kind in columns.items())
    union = " UNION ALL BY NAME ".join(part.sql for part in parts)
    guessed = {name for name in columns if name not in request.source.types and name not in request.numbers}
    read = [one for one in plain if one.file in {file for part in parts for file in part.files}]
    counts = [Counted(one.file, one.above, LineCount(one.dialect.quote)) for one in read]
    for one in counts:
        if isinstance(one.file.readable, InPlace):  # its bytes come over a network: they are counted when they pass
            one.file.readable.hear = one.count.hear

    @cache
    def count() -> int | None:
        return expected_rows(counts)

    def rejects() -> Iterator[Reject]:
        for part in parts:
            yield from part.rejects()

    def check(rows: int) -> None:
        expected = count()
        if any(one.count.multiline for one in counts) and not all(part.serial for part in parts):
            raise MisreadError
        for part in parts:
            part.check_quotes()
        if not request.careful:
            for part in parts:
                part.check_types(guessed)
        _check_count(request, parts, rows, expected, counts)

    def lines() -> Lines | None:
        unclear = any(one.count.multiline or one.file.packed for one in counts)
        if len(request.files) > 1 or unclear or count() is None:
            return None
        return Lines.around(parts[0].rejected_lines(), first=plain[0].above + 1)

    whole = len(read) == len(plain) and not any(one.cut for one in read)
    empty = tuple(called[name] for name, kind in columns.items() if kind == types.EMPTY)
    return Table(
        f"SELECT {listed} FROM ({union})",
        own={inner: name for name, inner in called.items() if inner != name},
        empty=empty,
        texts=lambda: {name: texts for part in parts for name, texts in part.texts().items()},
        words=lambda: missing_words(plain[0], request.source.null_values),
        notes=_notes(request, plain),
        rejects=rejects,
        check=check,
        lines=lines,
        whole=whole,
    )


@dataclass(frozen=True)
class _Layout:
    """What files have in common that are read in one go."""

    names: tuple[str, ...]
    delimiter: str
    quote: str
    skip: int
    multiline: bool

    @classmethod
    def of(cls, dialect: Dialect) -> _Layout:
        return cls(dialect.names, dialect.delimiter, dialect.quote, dialect.skip, dialect.multiline)


def _layouts(request: Request, plain: list[Plain]) -> list[tuple[_Layout, list[File]]]:
    """Groups the files by how they are written. Raises DataError when one has other columns than the first."""
    layouts: dict[_Layout, list[File]] = {}
    first = plain[0].dialect.names
    seen = 0
    for one in plain:
        names = one.dialect.names
        for name in [*(set(first) - set(names)), *(set(names) - set(first))]:
            lacks, has = (one.file, request.files[0]) if name in first else (request.files[0], one.file)
            raise DataError.of_source(
                request.name,
                f"{lacks.label} lacks the column '{name}' that {has.label} has. "
                "All files of one source need the same columns.",
            )
        if not request.glance or seen < request.glance:
            layouts.setdefault(_Layout.of(one.dialect), []).append(one.file)
            seen += one.file.size
    return list(layouts.items())


def _types(request: Request, layouts: list[tuple[_Layout, list[File]]], called: Mapping[str, str]) -> dict[str, str]:
    """Returns the type of each column, in the order of the first header: told by the spec or inferred."""
    names = layouts[0][0].names
    for column in request.source.types:
        if column not in names:
            raise DataError.of_source(
                request.name,
                f"`types` names the column '{column}', which {layouts[0][1][0].label} does not have."
                f"{did_you_mean(column, names)} Columns: {listed(names)}.",
            )
    told = {column: types.TOLD[kind] for column, kind in request.source.types.items()}
    open_names = [column for column in names if column not in told]
    inferred: dict[str, str] = {}
    engine.make_room(request.connection, len(names))
    if open_names:
        texts = _texts(request, layouts, called)
        found = types.infer(
            request.connection, texts, [called[column] for column in open_names], numerals(request.source)
        )
        inferred = dict(zip(open_names, found.values(), strict=True))
        if not request.careful and "BIGINT" in inferred.values():
            raise MisreadError
    for column, kind in inferred.items():
        if kind in ("VARCHAR", types.EMPTY) and column in request.numbers:
            inferred[column] = "DOUBLE"
    return {column: told.get(column) or inferred[column] for column in names}


def _notes(request: Request, plain: list[Plain]) -> tuple[str, ...]:
    """Returns how files are read whose header is divided by something else than a comma, where the spec does not say so."""
    found = {one.dialect.delimiter: one.file.label for one in plain if not one.dialect.told}
    return tuple(
        f"{request.name}: the header of {label} is divided by {DELIMITERS.get(mark, repr(mark))}, and it is read with "
        f"`delimiter: {written(mark)}`."
        for mark, label in found.items()
    )


def numerals(source: Source) -> types.Numerals:
    """Returns how a source writes numbers."""
    return types.Numerals(source.decimal, plain_mark(source.thousands or ""))


def _texts(request: Request, layouts: list[tuple[_Layout, list[File]]], called: Mapping[str, str]) -> str:
    selects = []
    for layout, files in layouts if request.careful else layouts[:1]:
        chosen = files if request.careful else files[:1]
        options = _options(request, layout, {called[name]: "VARCHAR" for name in layout.names}, "ignore_errors = true")
        serial = ", parallel = false" if _is_serial(request, layout, chosen) else ""
        selects.append(
            f"SELECT * FROM read_csv({engine.text_list(file.address for file in chosen)}, {options}{serial})"
        )
    union = " UNION ALL BY NAME ".join(selects)
    return union if request.careful else f"{union} LIMIT {SAMPLE_ROWS}"


def _is_serial(request: Request, layout: _Layout, files: list[File]) -> bool:
    """Tells whether files are read on one thread: the parallel reader loses rows where quotes hold line breaks.

    Whether they do is seen at the beginning of a file, and by the count of its lines, which packed objects in place have none of.
    """
    uncounted = any(file.packed and isinstance(file.readable, InPlace) for file in files)
    return request.careful or layout.multiline or uncounted


def _options(request: Request, layout: _Layout, columns: dict[str, str], errors: str) -> str:
    source = request.source
    nulls = [*source.null_values, *([""] if "" not in source.null_values else [])]
    mark = plain_mark(source.thousands or "")
    thousands = f"thousands = {engine.text(mark)}, " if mark else ""
    return (
        f"auto_detect = false, delim = {engine.text(layout.delimiter)}, quote = {engine.text(layout.quote)}, "
        f"escape = {engine.text(layout.quote)}, header = true, skip = {layout.skip}, "
        f"columns = {engine.text_struct(columns)}, nullstr = {engine.text_list(nulls)}, "
        f"decimal_separator = {engine.text(source.decimal)}, {thousands}buffer_size = {BUFFER}, {errors}"
    )


@dataclass(frozen=True)
class _Part:
    """Files that are written the same way."""

    request: Request
    layout: _Layout
    files: list[File]
    columns: dict[str, str]
    called: dict[str, str]
    """What SQL calls each column."""
    tag: str

    @property
    def serial(self) -> bool:
        """Whether they are read on one thread."""
        return _is_serial(self.request, self.layout, self.files)

    @property
    def sql(self) -> str:
        read_as = {self.called[name]: types.READ_AS.get(kind, kind) for name, kind in self.columns.items()}
        serial = ", parallel = false" if self.serial else ""
        errors = f"store_rejects = true, rejects_table = {engine.text(f'rejects_{self.tag}')}, "
        errors += f"rejects_scan = {engine.text(f'scans_{self.tag}')}{serial}"
        options = _options(self.request, self.layout, read_as, errors)
        return f"SELECT * FROM read_csv({engine.text_list(file.address for file in self.files)}, {options})"

    def _ask(self, sql: str) -> duckdb.DuckDBPyConnection:
        errors, scans = engine.name(f"rejects_{self.tag}"), engine.name(f"scans_{self.tag}")
        return self.request.connection.execute(sql.format(errors=errors, scans=scans))

    def rejected(self) -> int:
        """Returns the number of rows that did not parse."""
        rows = self._ask("SELECT count(*) FROM (SELECT DISTINCT file_id, line_byte_position FROM {errors})").fetchall()
        return int(rows[0][0])

    def rejected_lines(self) -> Iterator[int]:
        """Yields the lines that did not parse, in order; of all files together."""
        answer = self._ask("SELECT DISTINCT line FROM {errors} ORDER BY line")
        while rows := answer.fetchmany(10_000):
            yield from (row[0] for row in rows)

    def check_quotes(self) -> None:
        """Raises DataError when a quote swallowed lines: they are one broken row to the parser, and would be lost.

        Raises MisreadError where the file was not read on one thread: then it may well be the reader's own mistake.
        """
        rows = self._ask(
            "SELECT s.file_path, e.line FROM {errors} e JOIN {scans} s USING (scan_id, file_id) "
            "WHERE error_type IN ('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM', 'INVALID STATE') "
            "AND contains(trim(csv_line, chr(13) || chr(10)), chr(10)) ORDER BY file_id, line LIMIT 1"
        ).fetchall()
        if rows and not self.request.careful:
            raise MisreadError
        if rows:
            raise _unclosed(self._label(rows[0][0]), rows[0][1])

    def check_types(self, guessed: set[str]) -> None:
        """Raises MisreadError when a value does not fit a type that was only guessed."""
        rows = self._ask(
            "SELECT DISTINCT unnest(list(column_name)) FROM {errors} GROUP BY file_id, line_byte_position "
            "HAVING bool_and(error_type = 'CAST')"
        ).fetchall()
        if guessed & {self._own(row[0]) for row in rows}:
            raise MisreadError

    def rejects(self) -> Iterator[Reject]:
        """Yields the rows that did not parse, in order."""
        answer = self._ask(
            "SELECT s.file_path, e.line, arg_min(e.error_type, place), arg_min(e.column_name, place), any_value(e.csv_line) "
            f"FROM (SELECT *, {_PLACE} AS place FROM {{errors}}) e JOIN {{scans}} s USING (scan_id, file_id) "
            "GROUP BY file_id, s.file_path, e.line, line_byte_position ORDER BY file_id, e.line, line_byte_position"
        )
        while rows := answer.fetchmany(1000):
            for path, line, kind, column, row in rows:
                reason = self._reason(kind, self._own(column))
                yield Reject(self.request.name, self._label(path), line, reason, row.strip("\r\n"))

    def texts(self) -> dict[str, list[str]]:
        """Returns some of the values that are none of their column's type."""
        answer = self._ask(
            "SELECT column_name, list(DISTINCT regexp_extract(error_message, 'Could not convert string \"(.*?)\" to ', 1, 's'))[:20] "
            "FROM {errors} WHERE error_type = 'CAST' GROUP BY column_name"
        )
        return {self._own(column): sorted(filter(None, found)) for column, found in answer.fetchall()}

    def _own(self, inner: str) -> str:
        """Returns the name that a column has in the file."""
        return next((name for name, called in self.called.items() if called == inner), inner)

    def _label(self, readable: str) -> str:
        """Returns what messages call the file at an address: a copy bears the name of its original."""
        return {file.address: file.label for file in self.files}.get(readable, readable)

    def _reason(self, kind: str, column: str) -> str:
        if kind == "CAST":
            told = {"DOUBLE": "a number", "BOOLEAN": "true or false", "TIMESTAMPTZ": "a time"}
            return (
                f"{column}: not {told.get(types.READ_AS.get(self.columns[column], self.columns[column]), 'a number')}"
            )
        if kind == "INVALID ENCODING":
            return f"not {self.request.source.encoding}"
        return REASONS.get(kind, kind.lower())


def _check_count(request: Request, parts: list[_Part], rows: int, expected: int | None, counts: list[Counted]) -> None:
    """Raises MisreadError when rows are missing, DataError where that is the file's own fault.

    The engine (DuckDB 2.0) loses rows: on several threads after a stretch in which no row parses at all, and on one where a
    quote does not close. So what it gave and rejected is compared with the lines of the file, or, where quotes leave a doubt,
    with what another reader finds.
    """
    rejected = sum(part.rejected() for part in parts)
    if expected == rows + rejected > 0:
        return
    if all(part.serial for part in parts) and any(one.count.quoted for one in counts):
        expected = _read_again(request, parts, counts)
    if rows + rejected == 0 and not expected:
        names = ", ".join(file.label for file in request.files[:3])
        raise DataError.of_source(
            request.name, f"{names}: there is a header and no row below it. Give a file with data."
        )
    if expected is not None:
        if expected != rows + rejected:
            raise MisreadError
    elif rejected and not request.careful and sum(file.size for file in request.files) > BUFFER:
        raise MisreadError


def _read_again(request: Request, parts: list[_Part], counts: list[Counted]) -> int:
    """Returns how many rows another reader finds. Raises DataError where a quote does not close."""
    total = 0
    layouts = {file: part.layout for part in parts for file in part.files}
    for one in counts:
        layout = layouts[one.file]
        rows, unclosed = rows_of(one, layout.delimiter, layout.quote)
        if unclosed is not None and not request.cut:
            raise _unclosed(one.file.label, unclosed)
        total += rows
    return total


def _unclosed(label: str, line: int) -> DataError:
    return DataError(
        f"{label}:{line}: a quote opens here and does not close, so the lines after it cannot be told apart. "
        'Close it, or double it if it is part of the text; where quotes are letters as any other, say `quote: ""`.'
    )
