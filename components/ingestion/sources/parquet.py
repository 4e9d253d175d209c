"""Parquet: queried where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.errors import DataError


def open_table(request: Request) -> Table:
    """Opens Parquet files. Raises DataError when one is damaged or has other columns than the first."""
    first: set[str] | None = None
    rows = 0
    for file in request.files:
        try:
            with file.readable.open("rb") as stream, pq.ParquetFile(stream) as parquet:
                names, rows = parquet.schema_arrow.names, rows + parquet.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"{request.name}: {file.label}: is not Parquet, or damaged: {error}. Fetch it again."
            ) from None
        first = set(names) if first is None else first
        for name in sorted(first ^ set(names)):
            lacks, has = (file, request.files[0]) if name in first else (request.files[0], file)
            raise DataError(
                f"{request.name}: {lacks.label} lacks the column '{name}' that {has.label} has. "
                "All files of one source need the same columns."
            )
    return of_files(request, [file.address for file in request.files], rows)


def of_files(request: Request, paths: Sequence[str], rows: int) -> Table:
    """Returns the table that Parquet files make together; columns that a file lacks are missing in its rows."""
    if rows == 0:
        names = ", ".join(file.label for file in request.files[:3])
        raise DataError(f"{request.name}: {names}: there are no rows. Give a file with data.")
    listed = engine.text_list(paths)
    return Table(f"SELECT * FROM read_parquet({listed}, union_by_name = true)", rows=rows, files=tuple(paths))
