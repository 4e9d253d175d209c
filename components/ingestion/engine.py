"""The SQL engine that reads the sources: DuckDB inside this process, bounded in memory, shut off from network and files."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.machine import available_cores, memory

MEMORY, MEMORY_OF_A_COLUMN = 512_000_000, 512_000
"""Bytes that the engine holds before it spills to the disk, and those of each column where that is more."""

MOST_THREADS = 8
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a disk, a quota or a file is full."""


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Opens an empty database in memory that spills into folder `scratch` once it holds 512 MB.

    No extension is fetched, Python's own variables are not visible to SQL, and times without a zone are UTC.
    """
    connection = duckdb.connect(
        config={
            "threads": min(available_cores(), MOST_THREADS),
            "memory_limit": f"{MEMORY}B",
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


def make_room(connection: duckdb.DuckDBPyConnection, columns: int) -> None:
    """Lets the engine hold more than `MEMORY` where rows have thousands of columns: of each it holds 2,048 values several times over.

    It is half of the machine's memory at most: the engine refuses what needs more, where the system would end the process.
    """
    wanted = min(columns * MEMORY_OF_A_COLUMN, memory() // 2)
    if wanted > MEMORY and not _is_set(connection, "lock_configuration"):
        connection.execute(f"SET memory_limit = '{wanted}B'")


def confine(connection: duckdb.DuckDBPyConnection, readable: Iterable[str], *folders: Path) -> None:
    """Leaves SQL nothing but its tables, the files at the addresses `readable`, and those in `folders`, for good."""
    if _is_set(connection, "enable_external_access"):
        connection.execute(f"SET allowed_paths = {text_list(readable)}")
        connection.execute(f"SET allowed_directories = {text_list(map(str, folders))}")
        connection.execute("SET enable_external_access = false")


def settle(connection: duckdb.DuckDBPyConnection, *, threads: int | None = None, whole_rows: bool = False) -> None:
    """Says on how many threads SQL runs (all without a number), and lets nothing change it any more.

    With `whole_rows` every column of a source is read, also those that the query leaves out: else bad values in these would
    not be found.
    """
    if not _is_set(connection, "lock_configuration"):
        if threads is not None:
            connection.execute(f"SET threads = {threads}")
        if whole_rows:
            connection.execute("SET disabled_optimizers = 'unused_columns'")
        connection.execute("SET lock_configuration = true")


def _is_set(connection: duckdb.DuckDBPyConnection, setting: str) -> bool:
    row = first_row(connection, "SELECT current_setting(?)", [setting])
    return bool(row and row[0])


def is_row_by_row(connection: duckdb.DuckDBPyConnection, query: str, view: str) -> bool:
    """Tells whether a checked query makes each row of one row of `view` and drops none, so that both can be read as one.

    Raises duckdb.Error where the query is wrong.
    """
    row = first_row(connection, "SELECT json_serialize_sql(?)", [query])
    statements = json.loads(row[0]).get("statements") if row else None
    node = statements[0]["node"] if statements else {}
    read = node.get("from_table", {})
    if read.get("type") != "BASE_TABLE" or read["table_name"].lower() != view.lower() or node["cte_map"]["map"]:
        return False
    operators = _plan(connection, query)
    return _are(operators, {"PROJECTION"}) and "Filters" not in operators[-1][1]


def keeps_order(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Tells whether a checked query gives its rows in the order of the one file it reads, on however many threads.

    A join or an aggregate hands out its rows, and adds up floats, in another order each time. Raises duckdb.Error where the
    query is wrong.
    """
    return _are(_plan(connection, query), {"PROJECTION", "FILTER"})


def _are(operators: Sequence[tuple[str, Any]], allowed: Set[str]) -> bool:
    return bool(operators) and {name for name, _ in operators[:-1]} <= allowed


def _plan(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Returns the operators of a plan that is one chain, from the result to the file that is read; of any other, none."""
    row = first_row(connection, f"EXPLAIN (FORMAT JSON) {query}")
    found, nodes = [], json.loads(row[1]) if row else []
    while len(nodes) == 1:
        found.append((nodes[0]["name"].strip(), nodes[0]["extra_info"]))
        nodes = nodes[0]["children"]
    return found if not nodes and found and found[-1][0].startswith("READ_") else []


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
        raise DataError.of_key(
            "data.query", f"expected one SELECT, received {kinds}. Write one query that selects the rows."
        )
    return statements[0].query.rstrip().rstrip(";") + "\n"


def query_error(error: duckdb.Error, hint: str = "") -> DataError:
    """Makes the engine's complaint about the query an error in one paragraph, with a sentence that may be the reason."""
    return DataError.of_key("data.query", f"{plain(error)}{' ' * bool(hint)}{hint} Correct the query in the spec.")


def disk_full(error: Exception) -> str | None:
    """Returns what the system said where the engine failed as no space was left, else None. The engine has no error of its own for it."""
    return next((os.strerror(code) for code in NO_SPACE if os.strerror(code) in str(error)), None)


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
