"""The formats a source may have: one module each, named in one table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TypeVar

import duckdb

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.sources.base import Lines, MisreadError, Reject, Request, Table
from stellwerk.errors import DataError, StepFailed
from stellwerk.spec.data import Format

READERS: dict[Format, str] = {
    "csv": "stellwerk.components.ingestion.sources.delimited",
    "parquet": "stellwerk.components.ingestion.sources.parquet",
    "jsonl": "stellwerk.components.ingestion.sources.jsonl",
    "avro": "stellwerk.components.ingestion.sources.avro",
    "orc": "stellwerk.components.ingestion.sources.orc",
    "tfrecord": "stellwerk.components.ingestion.sources.tfrecord",
    "excel": "stellwerk.components.ingestion.sources.excel",
}
"""The module of each format; it has `open_table(request) -> Table`."""

Result = TypeVar("Result")
_ADVICE = re.compile(r"\s(?=Try |Possible |Did you mean|You can )")
"""Where the advice of the engine begins: settings of its own that no spec has."""


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
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            if engine.disk_full(error) is not None:
                raise
            if not careful:
                continue
            if "file" not in str(error):  # it is the query's, for who wrote that
                raise
            raise DataError(f"{request.name}: {in_own_words(request, error)}") from None
        return table, result
    raise StepFailed(
        f"{request.name}: the rows read and the rows rejected are fewer than the lines of the file. "
        "A quote that is opened and not closed does this: look at the quotes in the file."
    )


def in_own_words(request: Request, error: duckdb.Error) -> str:
    """Returns why a source cannot be read, without the engine's advice, which is for who calls it, and without paths of copies."""
    message = _ADVICE.split(engine.plain(error))[0].strip()
    message = re.sub(r"^(Invalid Input|Conversion|Binder|IO|Parser) Error: ", "", message)
    return re.sub(r'"?/[^\s"]*/(\d{5})\.\w+"?', lambda found: _label_of(request, int(found[1])), message)


def _label_of(request: Request, number: int) -> str:
    return request.files[number].label if number < len(request.files) else "a file"


__all__ = ["READERS", "Lines", "MisreadError", "Reject", "Request", "Table", "in_own_words", "open_table", "read"]
