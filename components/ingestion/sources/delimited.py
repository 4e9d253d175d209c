"""CSV. Types are inferred; delimiter, quote and header are not: a guess there turns one bad row into another table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import duckdb

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.sources import types
from stellwerk.components.ingestion.sources.base import Lines, MisreadError, Reject, Request, Table
from stellwerk.components.ingestion.sources.headers import header
from stellwerk.components.ingestion.sources.lines import LineCount, expected_rows
from stellwerk.components.places.reading import InPlace
from stellwerk.errors import DataError, did_you_mean

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
    """Opens CSV files: those with the same header in one go, the others by column name."""
    delimiter = request.source.delimiter or request.files[0].delimiter
    layouts = _layouts(request, delimiter)
    columns = _types(request, layouts, delimiter)
    tag = f"{request.name}_{int(request.careful)}"
    parts = [
        _Part(request, delimiter, files, {name: columns[name] for name in names}, f"{tag}_{number}")
        for number, (names, files) in enumerate(layouts)
    ]
    listed = ", ".join(types.narrowed(name, kind, not request.glance) for name, kind in columns.items())
    union = " UNION ALL BY NAME ".join(part.sql for part in parts)
    guessed = {name for name in columns if name not in request.source.types and name not in request.numbers}

    counts = [(file, LineCount()) for file in request.files]
    for file, heard in counts:
        if isinstance(file.readable, InPlace):  # its bytes come over a network: they are counted when they pass
            file.readable.hear = heard.hear

    @cache
    def count() -> int | None:
        return expected_rows(counts, request.source.encoding)

    def rejects() -> Iterator[Reject]:
        for part in parts:
            yield from part.rejects()

    def check(rows: int) -> None:
        for part in parts:
            part.check_quotes()
        if not request.careful:
            for part in parts:
                part.check_types(guessed)
        _check_count(request, parts, rows, count())

    def lines() -> Lines | None:
        if len(request.files) > 1 or count() is None:
            return None
        return Lines.around(parts[0].rejected_lines(), first=2)

    return Table(f"SELECT {listed} FROM ({union})", rejects=rejects, check=check, lines=lines)


def _layouts(request: Request, delimiter: str) -> list[tuple[tuple[str, ...], list[File]]]:
    """Groups the files by header. Raises DataError when one has other columns than the first."""
    layouts: dict[tuple[str, ...], list[File]] = {}
    for file in request.files:
        names = tuple(header(file, delimiter, request.source.encoding))
        first = next(iter(layouts), names)
        for name in [*(set(first) - set(names)), *(set(names) - set(first))]:
            lacks, has = (file, request.files[0]) if name in first else (request.files[0], file)
            raise DataError(
                f"{request.name}: {lacks.label} lacks the column '{name}' that {has.label} has. "
                "All files of one source need the same columns."
            )
        layouts.setdefault(names, []).append(file)
    return list(layouts.items())


def _types(request: Request, layouts: list[tuple[tuple[str, ...], list[File]]], delimiter: str) -> dict[str, str]:
    """Returns the type of each column, in the order of the first header: told by the spec or inferred."""
    names = layouts[0][0]
    for column in request.source.types:
        if column not in names:
            raise DataError(
                f"{request.name}: `types` names the column '{column}', which {layouts[0][1][0].label} does not have."
                f"{did_you_mean(column, names)} Columns: {', '.join(names)}."
            )
    told = {column: types.TOLD[kind] for column, kind in request.source.types.items()}
    open_names = [column for column in names if column not in told]
    inferred: dict[str, str] = {}
    if open_names:
        inferred = types.infer(request.connection, _texts(request, layouts, delimiter), open_names)
        if not request.careful and not request.glance and "BIGINT" in inferred.values():
            raise MisreadError
    for column, kind in inferred.items():
        if kind == "VARCHAR" and column in request.numbers:
            inferred[column] = "DOUBLE"
    return {column: told.get(column) or inferred[column] for column in names}


def _texts(request: Request, layouts: list[tuple[tuple[str, ...], list[File]]], delimiter: str) -> str:
    selects = []
    for names, files in layouts if request.careful else layouts[:1]:
        chosen = files if request.careful else files[:1]
        options = _options(request, delimiter, dict.fromkeys(names, "VARCHAR"), "ignore_errors = true")
        selects.append(f"SELECT * FROM read_csv({engine.text_list(file.address for file in chosen)}, {options})")
    union = " UNION ALL BY NAME ".join(selects)
    return union if request.careful else f"{union} LIMIT {SAMPLE_ROWS}"


def _options(request: Request, delimiter: str, columns: dict[str, str], errors: str) -> str:
    nulls = [*request.source.null_values, *([""] if "" not in request.source.null_values else [])]
    return (
        f"auto_detect = false, delim = {engine.text(delimiter)}, quote = '\"', escape = '\"', header = true, "
        f"columns = {engine.text_struct(columns)}, nullstr = {engine.text_list(nulls)}, "
        f"encoding = {engine.text(request.source.encoding)}, buffer_size = {BUFFER}, {errors}"
    )


@dataclass(frozen=True)
class _Part:
    """Files with one and the same header."""

    request: Request
    delimiter: str
    files: list[File]
    columns: dict[str, str]
    tag: str

    @property
    def sql(self) -> str:
        read_as = {name: types.READ_AS.get(kind, kind) for name, kind in self.columns.items()}
        serial = ", parallel = false" if self.request.careful else ""
        errors = f"store_rejects = true, rejects_table = {engine.text(f'rejects_{self.tag}')}, "
        errors += f"rejects_scan = {engine.text(f'scans_{self.tag}')}{serial}"
        options = _options(self.request, self.delimiter, read_as, errors)
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
        """Raises DataError when a quote swallowed lines: they are one broken row to the parser, and would be lost."""
        rows = self._ask(
            "SELECT s.file_path, e.line FROM {errors} e JOIN {scans} s USING (scan_id, file_id) "
            "WHERE error_type IN ('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM', 'INVALID STATE') "
            "AND contains(trim(csv_line, chr(13) || chr(10)), chr(10)) ORDER BY file_id, line LIMIT 1"
        ).fetchall()
        if rows:
            raise DataError(
                f"{self.request.label(rows[0][0])}:{rows[0][1]}: a quote opens here and does not close, "
                "so the lines after it cannot be told apart. Close it, or double it if it is part of the text."
            )

    def check_types(self, guessed: set[str]) -> None:
        """Raises MisreadError when a value does not fit a type that was only guessed."""
        rows = self._ask(
            "SELECT DISTINCT unnest(list(column_name)) FROM {errors} GROUP BY file_id, line_byte_position "
            "HAVING bool_and(error_type = 'CAST')"
        ).fetchall()
        if guessed & {row[0] for row in rows}:
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
                reason = self._reason(kind, column)
                yield Reject(self.request.name, self.request.label(path), line, reason, row.strip("\r\n"))

    def _reason(self, kind: str, column: str) -> str:
        if kind == "CAST":
            told = {"DOUBLE": "a number", "BOOLEAN": "true or false", "TIMESTAMPTZ": "a time"}
            return (
                f"{column}: not {told.get(types.READ_AS.get(self.columns[column], self.columns[column]), 'a number')}"
            )
        if kind == "INVALID ENCODING":
            return f"not {self.request.source.encoding}"
        return REASONS.get(kind, kind.lower())


def _check_count(request: Request, parts: list[_Part], rows: int, lines: int | None) -> None:
    """Raises MisreadError when rows are missing.

    The parallel reader (DuckDB 2.0) stops early after a stretch in which no row parses at all, so where rows were
    rejected the count is compared with the lines of the file, or, where quotes may hide line breaks, with a second count.
    """
    rejected = sum(part.rejected() for part in parts)
    if rows + rejected == 0:
        names = ", ".join(file.label for file in request.files[:3])
        raise DataError(f"{request.name}: {names}: there is a header and no row below it. Give a file with data.")
    if lines is not None:
        if lines != rows + rejected:
            raise MisreadError
    elif rejected and not request.careful and sum(file.size for file in request.files) > BUFFER:
        raise MisreadError
