"""Parquet: queried where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.ingestion import engine, spelling
from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.components.ingestion.sources.conversion import converted, of_files
from stellwerk.errors import DataError


def open_table(request: Request) -> Table:
    """Opens Parquet files. Raises DataError when one is damaged or has other columns than the first."""
    first: set[str] | None = None
    orders: dict[tuple[str, ...], None] = {}
    rows = 0
    for file in request.files:
        try:
            with file.readable.open("rb") as stream, pq.ParquetFile(stream) as parquet:
                names, rows = parquet.schema_arrow.names, rows + parquet.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError.of_source(
                request.name, f"{file.label}: is not Parquet, or damaged: {error}. Fetch it again."
            ) from None
        first = set(names) if first is None else first
        orders[tuple(names)] = None
        for name in sorted(first ^ set(names)):
            lacks, has = (file, request.files[0]) if name in first else (request.files[0], file)
            raise DataError.of_source(
                request.name,
                f"{lacks.label} lacks the column '{name}' that {has.label} has. "
                "All files of one source need the same columns.",
            )
    names = next(iter(orders), ())
    own = spelling.renamed(names) if len(set(names)) == len(names) else {}
    if own and len(orders) > 1:  # SQL would take one for the other where their order differs
        return converted(request, _batches(request))
    table = of_files(request, [file.address for file in request.files], rows, own)
    if not own:
        return table
    listed = ", ".join(map(engine.name, spelling.called(names).values()))
    return replace(table, sql=f"{table.sql} AS renamed({listed})")


def _batches(request: Request) -> Iterator[pa.RecordBatch]:
    for file in request.files:
        with file.readable.open("rb") as stream, pq.ParquetFile(stream) as parquet:
            yield from parquet.iter_batches()
