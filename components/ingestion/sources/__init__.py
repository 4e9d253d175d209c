"""Opens a source in any of the formats of `stellwerk.tables.formats`: those that the engine reads itself have a module here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.sources.base import Lines, MisreadError, Reject, Request, Table
from stellwerk.components.ingestion.sources.conversion import converted
from stellwerk.errors import DataError, StepFailed, about_source
from stellwerk.spec.data import Format
from stellwerk.tables.formats import FORMATS, SourceFormat, loaded

Result = TypeVar("Result")
_MIXED_ENDS = "The CSV Parser state machine reached an invalid state"
"""What the engine says of lines some of which end with a carriage return."""
_ADVICE = re.compile(r"\s(?=Try |Possible |Did you mean|You can )")
"""Where the advice of the engine begins: settings of its own that no spec has."""


def open_table(kind: Format, request: Request) -> Table:
    """Opens a source. Only the module of its own format is imported."""
    known = FORMATS[kind]
    table: Table = loaded(known.table)(request) if known.table else converted(request, _batches(known, request))
    return table


def _batches(known: SourceFormat, request: Request) -> Iterator[pa.RecordBatch]:
    batches = loaded(known.batches)
    keys = {key: getattr(request.source, key) for key in known.keys}
    try:
        for file in request.files:
            yield from batches(Path(file.address), file.label, **keys)
    except DataError as error:
        raise DataError.of_source(request.name, str(error)) from None


def read(kind: Format, request: Request, consume: Callable[[Table], tuple[int, Result]]) -> tuple[Table, Result]:
    """Opens a source, has its rows consumed, and does both again carefully when the first guess was wrong.

    `consume` returns how many rows it saw and its result.
    """
    mixed_ends = False
    for careful in (False, True):
        try:
            with about_source(request.name):
                table = open_table(kind, replace(request, careful=careful, mixed_ends=mixed_ends))
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
                mixed_ends = _MIXED_ENDS in str(error)
                continue
            if "file" not in str(error):  # it is the query's, for who wrote that
                raise
            raise DataError.of_source(request.name, f"{in_own_words(request, error)}") from None
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


__all__ = ["Lines", "MisreadError", "Reject", "Request", "Table", "in_own_words", "open_table", "read"]
