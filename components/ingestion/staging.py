"""Makes a source a view that a query reads, of files that SQL queries where they lie."""

from __future__ import annotations

from pathlib import Path

import duckdb

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.sources import Table


def stage(
    connection: duckdb.DuckDBPyConnection, name: str, table: Table, scratch: Path, limit: int | None = None
) -> tuple[int, tuple[str, ...]]:
    """Makes a source the view `name`; returns how many rows it has, and what SQL calls its files.

    Rows of other formats are copied to Parquet in `scratch`, not into a table in memory: that takes a third of the space, and
    memory does not grow with the rows. It is never a table, also for a look with a `limit`: SQL gives the columns of a table
    other names than those of files, where two differ only by the case of their letters.
    """
    sql, rows, paths = table.sql, table.rows, table.files
    if not paths or limit is not None:
        paths = (str(scratch / f"{name}.staged.parquet"),)
        bound = f" LIMIT {limit}" if limit is not None else ""
        large = [column for column, kind in engine.describe(connection, sql).items() if kind == "HUGEINT"]
        copied = engine.first_row(
            connection,
            f"COPY (SELECT *{_cast(large, 'DECIMAL(38, 0)')} FROM ({sql}){bound}) "
            f"TO {engine.text(paths[0])} (FORMAT parquet)",
        )
        rows = int(copied[0]) if copied else 0
        sql = f"SELECT *{_cast(large, 'HUGEINT')} FROM read_parquet({engine.text(paths[0])})"
    if table.empty:
        untyped = ", ".join(f"NULL AS {engine.name(column)}" for column in table.empty)
        sql = f"SELECT * REPLACE ({untyped}) FROM ({sql})"
    connection.execute(f"CREATE OR REPLACE VIEW {engine.name(name)} AS {sql}")
    return rows or 0, paths


def _cast(columns: list[str], kind: str) -> str:
    """Returns what behind a `*` gives columns another type. Parquet has no whole numbers of 128 bits: as they are, they would lose digits."""
    quoted = [engine.name(column) for column in columns]
    return f" REPLACE ({', '.join(f'CAST({name} AS {kind}) AS {name}' for name in quoted)})" if columns else ""
