"""The formats a source may have: one module each, named in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TypeVar

import duckdb

from stellwerk.components.ingestion.sources.base import Lines, MisreadError, Reject, Request, Table
from stellwerk.errors import StepFailed
from stellwerk.spec.data import Format

READERS: dict[Format, str] = {
    "csv": "stellwerk.components.ingestion.sources.delimited",
    "parquet": "stellwerk.components.ingestion.sources.parquet",
    "jsonl": "stellwerk.components.ingestion.sources.jsonl",
    "avro": "stellwerk.components.ingestion.sources.avro",
    "orc": "stellwerk.components.ingestion.sources.orc",
    "tfrecord": "stellwerk.components.ingestion.sources.tfrecord",
}
"""The module of each format; it has `open_table(request) -> Table`."""

Result = TypeVar("Result")


def open_table(kind: Format, request: Request) -> Table:
    """Opens a source. Only the module of its own format is imported."""
    opened: Callable[[Request], Table] = import_module(READERS[kind]).open_table
    return opened(request)


def read(kind: Format, request: Request, consume: Callable[[Table], tuple[int, Result]]) -> tuple[Table, Result]:
    """Opens a source, has its rows consumed, and does both again carefully when the first guess was wrong.

    `consume` returns how many rows it saw and its result.
    """
    for careful in (False, True):
        try:
            table = open_table(kind, replace(request, careful=careful))
            rows, result = consume(table)
            table.check(rows)
        except MisreadError:
            continue
        except duckdb.Error:
            if not careful:
                continue
            raise
        return table, result
    raise StepFailed(
        f"{request.name}: the rows read and the rows rejected are fewer than the lines of the file. "
        "A quote that is opened and not closed does this: look at the quotes in the file."
    )


__all__ = ["READERS", "Lines", "MisreadError", "Reject", "Request", "Table", "open_table", "read"]
