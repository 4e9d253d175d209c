"""Excel and OpenDocument workbooks: one sheet of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.components.ingestion.sources.conversion import converted
from stellwerk.errors import DataError
from stellwerk.tables.workbooks import columns


def open_table(request: Request) -> Table:
    """Opens workbooks. Raises DataError where the reader is not installed, or one is damaged."""
    return converted(request, (batch for file in request.files for batch in _batches(request, file)))


def _batches(request: Request, file: File) -> Iterator[pa.RecordBatch]:
    if not isinstance(file.readable, Path):
        raise DataError(
            f"{request.name}: {file.label}: a workbook is not read in place. Use `access: copy` for this source."
        )
    found = columns(file.readable, f"{request.name}: {file.label}", request.source.sheet, request.source.null_values)
    yield pa.RecordBatch.from_arrays(list(found.values()), names=list(found))
