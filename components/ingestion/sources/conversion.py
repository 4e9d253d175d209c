"""Formats that the engine does not read are first made Parquet, batch by batch, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.ingestion import engine, spelling
from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.errors import DataError


def converted(request: Request, batches: Iterable[pa.RecordBatch]) -> Table:
    """Writes batches to Parquet in the request's scratch folder, a new file where the columns change, and opens that."""
    folder = request.scratch / f"{request.name}-converted"
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in islice(batches, 1) if request.glance else batches:
            if writer is None or not writer.schema.equals(batch.schema):
                if writer is not None:
                    writer.close()
                paths.append(folder / f"{len(paths):05}.parquet")
                writer = pq.ParquetWriter(paths[-1], batch.schema, compression="snappy")
            writer.write_table(pa.Table.from_batches([batch]))
            rows += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    names = list(dict.fromkeys(name for path in paths for name in pq.read_schema(path).names))
    for path in paths if spelling.renamed(names) else ():
        _rename(path, spelling.called(names))
    return of_files(request, [str(path) for path in paths], rows, spelling.renamed(names))


def _rename(path: Path, called: Mapping[str, str]) -> None:
    """Gives the columns of a file the names that SQL calls them by."""
    aside = path.with_suffix(".part")
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        renamed = pa.schema([field.with_name(called[field.name]) for field in schema], schema.metadata)
        with pq.ParquetWriter(aside, renamed, compression="snappy") as writer:
            for batch in file.iter_batches():
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=renamed))
    aside.replace(path)


def of_files(request: Request, paths: Sequence[str], rows: int, own: Mapping[str, str]) -> Table:
    """Returns the table that Parquet files make together; columns that a file lacks are missing in its rows.

    `own` has the own names of the columns that SQL calls otherwise.
    """
    if rows == 0:
        names = ", ".join(file.label for file in request.files[:3])
        raise DataError.of_source(request.name, f"{names}: there are no rows. Give a file with data.")
    listed = engine.text_list(paths)
    return Table(f"SELECT * FROM read_parquet({listed}, union_by_name = true)", own=own, rows=rows, files=tuple(paths))
