"""Avro, read by fastavro in batches."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.components.ingestion.sources.conversion import converted
from stellwerk.tables.avro import batches


def open_table(request: Request) -> Table:
    """Opens Avro files. Raises DataError when one is damaged. Nested fields are left out."""
    return converted(request, _batches(request))


def _batches(request: Request) -> Iterator[pa.RecordBatch]:
    for file in request.files:
        with file.readable.open("rb") as stream:
            yield from batches(stream, f"{request.name}: {file.label}")
