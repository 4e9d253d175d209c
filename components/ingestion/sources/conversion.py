"""Formats that the engine does not read are first made Parquet, batch by batch, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.components.ingestion.sources.parquet import of_files


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
    return of_files(request, [str(path) for path in paths], rows)
