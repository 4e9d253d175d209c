"""The SQL engine that reads the sources: DuckDB inside this process, bounded in memory, shut off from network and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.machine import available_cores

MEMORY = "512MB"
MOST_THREADS = 8


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Opens an empty database in memory that spills into folder `scratch` once it holds 512 MB.

    No extension is fetched, Python's own variables are not visible to SQL, and times without a zone are UTC.
    """
    connection = duckdb.connect(
        config={
            "threads": min(available_cores(), MOST_THREADS),
            "memory_limit": MEMORY,
            "temp_directory": str(scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": True,
        }
    )
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def lock(connection: duckdb.DuckDBPyConnection, readable: Iterable[str]) -> None:
    """Leaves SQL nothing but its tables and the files at the addresses `readable`, on one thread.

    One thread, because a join on several hands out its rows, and adds up floats, in another order each time: with one the
    same data gives the same bytes. The query loses little by it, as its rows are written by a second thread meanwhile.
    """
    connection.execute("SET threads = 1")
    connection.execute(f"SET allowed_paths = {text_list(readable)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def batches(answer: duckdb.DuckDBPyRelation, rows: int) -> Iterator[pa.RecordBatch]:
    """Yields the rows of an answer as they are computed, `rows` at a time at most. Raises duckdb.Error, as `execute` does."""
    reader = answer.to_arrow_reader(rows)
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        message = str(error)
        raise (duckdb.OutOfMemoryException if "Out of Memory" in message else duckdb.Error)(message) from None


def check_query(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Returns `query` without its closing semicolon, ready to stand in brackets even if it ends in a comment. Raises DataError when it is not exactly one SELECT."""
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise query_error(error) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise DataError(f"data.query: expected one SELECT, received {kinds}. Write one query that selects the rows.")
    return statements[0].query.rstrip().rstrip(";") + "\n"


def query_error(error: duckdb.Error) -> DataError:
    """Makes the engine's complaint about the query an error in one paragraph."""
    return DataError(f"data.query: {plain(error)} Correct the query in the spec.")


def plain(error: Exception) -> str:
    """Returns the message of an engine's error as one line, without the excerpt of the SQL and the stack."""
    lines = []
    for line in str(error).splitlines():
        if line.startswith(("LINE ", "Stack Trace")):
            break
        if line.strip():
            lines.append(line.strip())
    message = " ".join(lines)
    return message if message.endswith((".", "?", "!")) else f"{message}."


def name(identifier: str) -> str:
    """Quotes a column or table name for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """Quotes a value for SQL."""
    return "'" + value.replace("'", "''") + "'"


def text_list(values: Iterable[str]) -> str:
    """Quotes values as a SQL list."""
    return "[" + ", ".join(text(value) for value in values) + "]"


def text_struct(values: Mapping[str, str]) -> str:
    """Quotes names and values as a SQL struct."""
    return "{" + ", ".join(f"{text(key)}: {text(value)}" for key, value in values.items()) + "}"


def first_row(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """Returns the first row of an answer, which is fetched whole: an answer that is left half read blocks the connection."""
    rows: list[tuple[Any, ...]] = connection.execute(sql, list(values)).fetchall()
    return rows[0] if rows else None


def describe(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, str]:
    """Returns the columns of a SELECT and their SQL types, without running it."""
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {sql}").fetchall()}
